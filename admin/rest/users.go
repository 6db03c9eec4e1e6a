package rest

import (
	"context"

	"twofold/admin"
	"twofold/tenants"
)

// UserUpdate is what can be changed of a user.
type UserUpdate struct {
	Name          string `json:"name" maxLength:"254" doc:"Login name." example:"anna"`
	DisplayName   string `json:"display_name" maxLength:"254" doc:"What people read." example:"Anna Muster"`
	GivenName     string `json:"given_name" maxLength:"254" doc:"First name."`
	FamilyName    string `json:"family_name" maxLength:"254" doc:"Last name."`
	Email         string `json:"email" maxLength:"254" doc:"Mail address." example:"anna@acme.example"`
	EmailVerified bool   `json:"email_verified" doc:"Whether the address is proven. Only a proven one receives codes."`
	Phone         string `json:"phone" maxLength:"32" doc:"Number in international form." example:"+41791234567"`
	PhoneVerified bool   `json:"phone_verified" doc:"Whether the number is proven. Only a proven one receives codes."`
	Locale        string `json:"locale" maxLength:"35" doc:"Language of pages and messages." example:"de-CH"`
	Active        bool   `json:"active" doc:"Whether the user can sign in."`
}

// UserCreate is what a user is made of.
type UserCreate struct {
	Kind string `json:"kind" enum:"person,machine" doc:"A machine has no password and never signs in by browser."`
	UserUpdate
	Tenants  []string `json:"tenants" maxItems:"100" doc:"Ids of the tenants whose member the user is."`
	IDPs     []string `json:"idps" maxItems:"100" doc:"Ids of the local IDPs that know the user; absent: those of the tenants."`
	Password string   `json:"password" maxLength:"256" writeOnly:"true" doc:"Absent: none yet."`
}

// User is a person or a machine.
type User struct {
	Stamp
	Kind string `json:"kind" enum:"person,machine" doc:"A machine has no password and never signs in by browser."`
	UserUpdate
	ProveFirst bool `json:"prove_first" doc:"The second factors were reset: a bypass code comes before new ones."`
}

func (a *API) users() {
	crud(a, resource[tenants.User, User, UserCreate, UserUpdate]{
		one: "user", many: "users", kind: "user", plural: "users", things: func() keeper[tenants.User] { return a.Admin.Users() }, trash: true,
		about: "A user is a person or a machine, and a member of tenants.",
		fresh: UserCreate{Kind: tenants.Person, UserUpdate: UserUpdate{Active: true}}, must: []string{"name"}, make: a.makeUser,
		filters: []filter{
			active(),
			{"kind", "A person or a machine.", []string{tenants.Person, tenants.Machine}},
			{"name", "Login name, exactly.", nil},
			{"email", "Mail address, exactly.", nil},
			{"tenant", "Id of a tenant whose member the user is.", nil},
			{"group", "Id of a group whose member the user is.", nil},
			{"client_app", "Id of a client app that is for the user himself, if it is restricted.", nil},
			{"second_factor", "Whether one is set up.", []string{"enabled", "none"}},
			{"method", "Type of second factor that the user can use.", nil},
		},
		sorts: []string{"name", "created"},
	})
}

// makeUser makes a user with all that lets him sign in.
func (a *API) makeUser(ctx context.Context, c *call, from UserCreate) (tenants.User, error) {
	n := admin.NewUser{Tenants: from.Tenants, IDPs: from.IDPs, Password: from.Password}
	n.Kind = from.Kind
	give(&n.User, &from.UserUpdate)
	err := a.Admin.CreateUser(ctx, c.who, c.subscription, &n)
	return n.User, err
}
