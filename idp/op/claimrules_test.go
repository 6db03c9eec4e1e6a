package op

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/tenants"
)

// TestClaimRules goes through all that a rule can say, at each place.
func TestClaimRules(t *testing.T) {
	ada := &subject{
		UserID: "u1", UserName: "ada", DisplayName: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Email: "ada@acme.example", EmailVerified: true,
		Phone: "+41791234567", Locale: "de-CH", GroupNames: tenants.List{"app:admin", "app:user", "staff"}, UpstreamSubjects: `{"hr":"4711"}`,
	}
	type rule = tenants.ClaimRule
	type claims = map[string]any
	constant := func(value string) rule {
		return rule{Name: "c", Source: tenants.ClaimConstant, Value: json.RawMessage(value)}
	}
	attribute := func(a string) rule { return rule{Name: "c", Source: tenants.ClaimAttribute, Attribute: a} }
	groups := func(prefix string, lines ...string) rule {
		return rule{Name: "c", Source: tenants.ClaimGroups, Prefix: prefix, Map: lines}
	}
	in := func(r rule, places ...string) rule { r.In = places; return r }
	scoped := func(r rule, scope string) rule { r.Scope = scope; return r }
	named := func(r rule, name string) rule { r.Name = name; return r }
	omit := func(name string) rule { return rule{Name: name, Source: tenants.ClaimOmit} }
	for _, c := range []struct {
		name  string
		rules []rule
		app   tenants.ClientApp
		place string // userinfo unless said
		user  *subject
		had   claims
		want  claims
	}{
		{name: "none", had: claims{"name": "x"}, want: claims{"name": "x"}},
		{name: "text", rules: []rule{constant(`"x"`)}, want: claims{"c": "x"}},
		{name: "number", rules: []rule{constant(`9007199254740993`)}, want: claims{"c": "9007199254740993"}},
		{name: "false", rules: []rule{constant(`false`)}, want: claims{"c": "false"}},
		{name: "list", rules: []rule{constant(`["a",1]`)}, want: claims{"c": `["a",1]`}},
		{name: "id", rules: []rule{attribute("id")}, want: claims{"c": "u1"}},
		{name: "login name", rules: []rule{attribute("name")}, want: claims{"c": "ada"}},
		{name: "display name", rules: []rule{attribute("display_name")}, want: claims{"c": "Ada Lovelace"}},
		{name: "first name", rules: []rule{attribute("given_name")}, want: claims{"c": "Ada"}},
		{name: "last name", rules: []rule{attribute("family_name")}, want: claims{"c": "Lovelace"}},
		{name: "mail", rules: []rule{attribute("email")}, want: claims{"c": "ada@acme.example"}},
		{name: "mail proven", rules: []rule{attribute("email_verified")}, want: claims{"c": true}},
		{name: "phone", rules: []rule{attribute("phone")}, want: claims{"c": "+41791234567"}},
		{name: "phone proven", rules: []rule{attribute("phone_verified")}, want: claims{"c": false}},
		{name: "language", rules: []rule{attribute("locale")}, want: claims{"c": "de-CH"}},
		{name: "number elsewhere", rules: []rule{{Name: "c", Source: "attribute", Attribute: "subject", IDP: "hr"}}, want: claims{"c": "4711"}},
		{name: "of a provider that knows him not", rules: []rule{{Name: "c", Source: "attribute", Attribute: "subject", IDP: "x"}}, want: claims{}},
		{name: "nothing to tell takes away", rules: []rule{named(attribute("phone"), "name")}, user: &subject{}, had: claims{"name": "x"}, want: claims{}},
		{name: "groups", rules: []rule{groups("")}, want: claims{"c": "app:admin app:user staff"}},
		{name: "groups of a prefix", rules: []rule{groups("app:")}, want: claims{"c": "app:admin app:user"}},
		{name: "roles", rules: []rule{groups("", "app:admin = admin", "staff = reader", "staff = admin", "none = root")}, want: claims{"c": "admin reader"}},
		{name: "roles of a prefix", rules: []rule{groups("app:", "app:user = user", "staff = reader")}, want: claims{"c": "user"}},
		{name: "no role", rules: []rule{groups("", "none = root")}, had: claims{"c": "x"}, want: claims{}},
		{name: "in place of the groups", rules: []rule{named(groups("app:"), "groups")}, had: claims{"groups": "x"}, want: claims{"groups": "app:admin app:user"}},
		{name: "tenant", rules: []rule{{Name: "c", Source: "tenant"}}, want: claims{"c": "acme"}},
		{name: "tenant's title", rules: []rule{{Name: "c", Source: "tenant", Attribute: "title"}}, want: claims{"c": "Acme Ltd"}},
		{name: "dropped", rules: []rule{omit("name")}, had: claims{"name": "x", "locale": "y"}, want: claims{"locale": "y"}},
		{name: "dropped with what vouches for it", rules: []rule{omit("phone_number")}, had: claims{"phone_number": "x", "phone_number_verified": true}, want: claims{}},
		{name: "another address is not vouched for", rules: []rule{named(constant(`"x"`), "email")}, had: claims{"email": "y", "email_verified": true}, want: claims{"email": "x"}},
		{name: "his own is", rules: []rule{named(attribute("email"), "email")}, had: claims{"email_verified": true}, want: claims{"email": "ada@acme.example", "email_verified": true}},
		{name: "protected", rules: []rule{named(constant(`"x"`), "sub"), omit("iss"), named(constant(`"x"`), "acr")}, had: claims{"iss": "y"}, want: claims{"iss": "y"}},
		{name: "the last word", rules: []rule{constant(`"x"`), attribute("name")}, want: claims{"c": "ada"}},

		{name: "scope granted", rules: []rule{scoped(constant(`"x"`), "email")}, want: claims{"c": "x"}},
		{name: "scope not granted", rules: []rule{scoped(constant(`"x"`), "reports"), scoped(omit("name"), "reports")}, had: claims{"name": "x"}, want: claims{"name": "x"}},
		{name: "consent", app: tenants.ClientApp{Consent: true}, rules: []rule{attribute("email"), named(attribute("phone"), "d"), named(groups(""), "e"), named(attribute("name"), "f"), named(constant("1"), "g"), named(attribute("id"), "h"), named(rule{Source: "tenant"}, "i")}, want: claims{"c": "ada@acme.example", "g": "1", "h": "u1"}},

		{name: "ID token, usually not", place: "id_token", rules: []rule{constant(`"x"`)}, want: claims{}},
		{name: "ID token with profile", place: "id_token", app: tenants.ClientApp{IDTokenProfile: true}, rules: []rule{constant(`"x"`)}, want: claims{"c": "x"}},
		{name: "ID token, if it says so", place: "id_token", rules: []rule{in(constant(`"x"`), "id_token")}, want: claims{"c": "x"}},
		{name: "and nowhere else", rules: []rule{in(constant(`"x"`), "id_token", "access_token")}, want: claims{}},
		{name: "dropped from the ID token too", place: "id_token", rules: []rule{omit("name")}, had: claims{"name": "x"}, want: claims{}},
		{name: "access token, usually not", place: "access_token", app: tenants.ClientApp{IDTokenProfile: true}, rules: []rule{constant(`"x"`)}, want: claims{}},
		{name: "access token, if it says so", place: "access_token", rules: []rule{in(groups("app:"), "access_token")}, want: claims{"c": "app:admin app:user"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.app.ClaimRules = c.rules
			r := ruling{c.app, ada, tenants.Tenant{Name: "acme", Title: "Acme Ltd"}, []string{"openid", "email"}}
			if c.user != nil {
				r.user = c.user
			}
			if c.place == "" {
				c.place = tenants.InUserinfo
			}
			if c.had == nil {
				c.had = claims{}
			}
			r.apply(c.place, c.had)
			if d := cmp.Diff(c.want, plainly(c.had)); d != "" {
				t.Error(d)
			}
		})
	}
	machine := ruling{
		app:    tenants.ClientApp{ClaimRules: []rule{in(constant("1"), "access_token"), in(named(attribute("name"), "d"), "access_token"), in(named(groups(""), "e"), "access_token")}},
		tenant: tenants.Tenant{Name: "acme"},
	}
	got, err := machine.add(map[string]any{"sub": "m", "exp": 1})
	if text, _ := json.Marshal(got); err != nil || string(text) != `{"c":1,"exp":1,"sub":"m"}` {
		t.Errorf("an app for itself: %s, %v", text, err)
	}
}

// plainly writes lists and constants as text.
func plainly(claims map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range claims {
		switch v := v.(type) {
		case json.RawMessage:
			out[name] = string(v)
			var s string
			if json.Unmarshal(v, &s) == nil {
				out[name] = s
			}
		case []string:
			out[name] = strings.Join(v, " ")
		default:
			out[name] = v
		}
	}
	return out
}
