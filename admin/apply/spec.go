package apply

// The form of a file. Fields are named like those of package tenants that they
// set; their tags are all that the parser, the defaults and the reference page
// know about a key:
//
//	key      its name in the file
//	must     "true": cannot be left out
//	default  what a new entity gets when the key is absent, as YAML
//	derived  the same in words, where code in this package finds it
//	secret   "true": it is never exported, and may be ${kept}
//	table    the name of its table in the reference, if that is not the key
//	choices  the words allowed, comma-separated
//	check    a rule of check.go
//	most     the largest number allowed
//	help     what it is for

type document struct {
	entry
	Settings      bases          `key:"settings" help:"Base settings of the platform, by factor type: defaults for the options of every TwoFactor instance of that type."`
	Templates     []platformText `key:"templates" table:"platform_templates" help:"Words of messages for everybody, other than those that come with Twofold."`
	Roles         []platformRole `key:"roles" table:"platform_roles" help:"Who administers the whole server."`
	Subscriptions []subscription `key:"subscriptions" help:"The customers, each with all it owns."`
}

type subscription struct {
	entry
	Name           text         `key:"name" must:"true" check:"name" help:"Finds the subscription."`
	Title          text         `key:"title" derived:"the name" help:"What people read."`
	EnforceMFA     flag         `key:"enforce_mfa" default:"false" help:"Every sign-in in this subscription asks for a second factor."`
	MinACR         text         `key:"min_acr" default:"\"\"" check:"acr" help:"Weakest sign-in that is accepted; empty: none is refused."`
	SessionSeconds span         `key:"session" default:"0s" help:"How long a session lives at most in its tenants that do not say it themselves: 5m to 90d; 0s: 24h."`
	IdleSeconds    span         `key:"idle" default:"0s" help:"How long it lives without use: at least 1m, at most the session; 0s: 1h."`
	SharedSignOn   flag         `key:"shared_sign_on" default:"false" help:"Who has signed in at one tenant is signed in at the others that he is a member of, as far as their rules ask for no more."`
	Active         flag         `key:"active" default:"true" help:"Whether anybody can sign in at all."`
	Settings       bases        `key:"settings" help:"Base settings of this subscription, by factor type. They win over the platform's."`
	IDPs           []idp        `key:"idps" help:"Where users prove who they are."`
	ClientApps     []clientApp  `key:"client_apps" help:"The web apps and machines that ask for sign-ins and tokens."`
	Tenants        []tenant     `key:"tenants" help:"The realms, each an issuer of its own."`
	Users          []user       `key:"users" help:"People and machines."`
	Groups         []group      `key:"groups" help:"Sets of users, for assignments and for apps."`
	TwoFactors     []twoFactor  `key:"two_factors" help:"TwoFactor instances: configured second factors."`
	Assignments    []assignment `key:"assignments" help:"Which instance is for whom."`
	Exemptions     []exemption  `key:"exemptions" help:"Who is let off a required second factor, why and until when."`
	Templates      []template   `key:"templates" help:"Words of messages, other than those that come with Twofold."`
	Roles          []role       `key:"roles" help:"Who administers the subscription, or a tenant of it."`
}

type idp struct {
	entry
	Name         text   `key:"name" must:"true" check:"name" help:"Finds the IDP in its subscription."`
	Title        text   `key:"title" derived:"the name" help:"What people read."`
	Type         text   `key:"type" default:"local" choices:"local,oidc" help:"How users prove who they are: \"local\" keeps names and passwords here, \"oidc\" is another OpenID Provider. It cannot be changed later; all keys below enforce_mfa but active are for \"oidc\"."`
	EnforceMFA   flag   `key:"enforce_mfa" default:"false" help:"Sign-ins by this IDP ask for a second factor."`
	Issuer       text   `key:"issuer" default:"\"\"" help:"Address of the provider: https, and the very issuer that it names. It cannot be changed while users are linked by it."`
	ClientID     text   `key:"client_id" default:"\"\"" help:"What the provider calls this server."`
	ClientSecret source `key:"client_secret" secret:"true" help:"How this server proves itself to the provider; left out for a public client. It is needed again where issuer or client_id change."`
	Scopes       texts  `key:"scopes" default:"[]" help:"What is asked for beside openid; none: profile and email."`
	ACRValues    texts  `key:"acr_values" default:"[]" help:"How strongly the provider shall let users sign in, in its words."`
	Domains      texts  `key:"domains" default:"[]" help:"Whose mail addresses end in one of these signs in here: example.com."`
	NameClaim    text   `key:"name_claim" default:"\"\"" help:"Claim of the display name; empty: name."`
	EmailClaim   text   `key:"email_claim" default:"\"\"" help:"Claim of the mail address; empty: email. Only email can be verified."`
	PhoneClaim   text   `key:"phone_claim" default:"\"\"" help:"Claim of the phone number; empty: phone_number. Only phone_number can be verified."`
	GroupsClaim  text   `key:"groups_claim" default:"\"\"" help:"Claim of the groups; empty: they are not looked at."`
	GroupMap     texts  `key:"group_map" default:"[]" help:"Which group there is which here: \"their group = ours\". At each sign-in the user is put into those, and taken from the others that are named here."`
	Trust        texts  `key:"trust" default:"[]" help:"What its acr and amr count for here: \"amr:mfa = aal2\" or \"acr:VALUE = phr\", with 2fa, aal2 or phr. All else counts as a password does."`
	CreateUsers  flag   `key:"create_users" default:"false" help:"Whoever the provider vouches for gets an account."`
	UpdateUsers  flag   `key:"update_users" default:"false" help:"Names and groups follow the provider at each sign-in."`
	Active       flag   `key:"active" default:"true" help:"Whether it can be used."`
}

type tenant struct {
	entry
	Name           text  `key:"name" must:"true" check:"slug" help:"Stands in the issuer's address, so it is unique on the whole server: 1 to 63 lower-case letters, digits and inner hyphens."`
	Title          text  `key:"title" derived:"the name" help:"What people read."`
	HostName       text  `key:"host_name" default:"\"\"" check:"host" help:"By which it is reached too, as an issuer of its own: login.example.com. Unique on the whole server. Empty: none. Apps that know the tenant by a name stop working when that goes."`
	LogoURL        text  `key:"logo_url" default:"\"\"" check:"logo" help:"Address of the tenant's logo: https. Empty: none."`
	Accent         text  `key:"accent" default:"\"\"" check:"accent" help:"Colour of the sign-in pages, as \"#rrggbb\"; empty: the standard one. Quote it: # begins a comment."`
	EnforceMFA     flag  `key:"enforce_mfa" default:"false" help:"Every sign-in to this tenant asks for a second factor."`
	MinACR         text  `key:"min_acr" default:"\"\"" check:"acr" help:"Weakest sign-in that is accepted; empty: none is refused."`
	SessionSeconds span  `key:"session" derived:"the subscription's" help:"How long a session lives at most: 5m to 90d; 0s: as the subscription says."`
	IdleSeconds    span  `key:"idle" derived:"the subscription's" help:"How long it lives without use: at least 1m, at most the session; 0s: as the subscription says."`
	RememberDays   count `key:"remember_days" default:"0" most:"30" help:"For how many days a browser may be remembered, so that it is not asked for a second factor each time; 0: never, 30 at most."`
	PasskeySignIn  flag  `key:"passkey_sign_in" default:"false" help:"A passkey may stand for name and password too."`
	IDTokenAlg     text  `key:"id_token_alg" default:"RS256" choices:"RS256,ES256" help:"Signature of ID tokens, for apps that leave it to the tenant."`
	SMSCountries   texts `key:"sms_countries" default:"[]" check:"country" help:"Countries that text messages may go to, as two capital letters: CH. None: no text messages at all."`
	SMSPerDay      count `key:"sms_per_day" default:"0" most:"1000000" help:"How many text messages may be sent in a day (UTC); 0: 500."`
	Locale         text  `key:"locale" default:"\"\"" check:"locale" help:"Language of pages and messages when nobody asks for another, as BCP 47: de-CH. Empty: English."`
	Active         flag  `key:"active" default:"true" help:"Whether anybody can sign in to it."`
	IDPs           texts `key:"idps" ref:"idp" help:"Names of the IDPs to sign in by: exactly these."`
	ClientApps     texts `key:"client_apps" ref:"client_app" help:"Names of the client apps that may use this tenant: exactly these."`
}

type clientApp struct {
	entry
	Name                   text   `key:"name" must:"true" check:"name" help:"Finds the client app in its subscription."`
	Title                  text   `key:"title" derived:"the name" help:"What people read."`
	Type                   text   `key:"type" must:"true" choices:"web,spa,native,machine" help:"web: has a server that keeps a secret. spa: runs in the browser. native: runs on a device. machine: acts for itself, without a user."`
	ClientID               text   `key:"client_id" derived:"the name" check:"client_id" help:"The OAuth client_id; unique on the whole server."`
	ClientSecret           source `key:"client_secret" secret:"true" help:"At least 32 random characters. A new one is added; those before it stay valid until they are removed."`
	AuthMethod             text   `key:"auth_method" derived:"client_secret_basic; none for spa and native" choices:"client_secret_basic,client_secret_post,private_key_jwt,none" help:"How the app proves itself at the token endpoint."`
	RedirectURIs           texts  `key:"redirect_uris" default:"[]" help:"Where users may be sent back to. Compared character by character; https, or http on this machine only."`
	PostLogoutRedirectURIs texts  `key:"post_logout_redirect_uris" default:"[]" help:"Where users may be sent after signing out."`
	LogoutURI              text   `key:"backchannel_logout_uri" default:"\"\"" check:"called" help:"Where Twofold posts a logout token when a session ends that the app holds; empty: nowhere. Https, or http on this machine only."`
	LogoutSession          flag   `key:"backchannel_logout_session_required" default:"false" help:"The app needs to be told which session it is. Twofold always tells."`
	GrantTypes             texts  `key:"grant_types" derived:"[authorization_code, refresh_token]; [client_credentials] for machine" choices:"authorization_code,refresh_token,client_credentials,urn:ietf:params:oauth:grant-type:device_code,urn:ietf:params:oauth:grant-type:token-exchange" help:"How the app may get tokens."`
	Scopes                 texts  `key:"scopes" derived:"[openid, profile, email, phone, groups, offline_access]; none for machine" check:"scope" help:"What the app may ask for. Names of your own are carried in access tokens."`
	Resources              texts  `key:"resources" default:"[]" help:"Addresses of the APIs that the app may ask tokens for. A token asked for one is good there alone (RFC 8707)."`
	Serves                 texts  `key:"serves" default:"[]" help:"Addresses of the APIs that the app is itself: it may introspect tokens for them, and exchange them."`
	RequirePAR             flag   `key:"require_par" default:"false" help:"Takes pushed authorization requests only (RFC 9126)."`
	PKCEOptional           flag   `key:"require_pkce" default:"true" help:"Whether the app must use PKCE. False is for older confidential clients only."`
	IDTokenAlg             text   `key:"id_token_alg" default:"tenant" choices:"tenant,RS256,ES256" help:"Signature of ID tokens; tenant: as each tenant says."`
	IDTokenProfile         flag   `key:"id_token_profile" default:"false" help:"Puts profile claims into the ID token too, for libraries that never call userinfo."`
	Consent                flag   `key:"consent" default:"false" help:"Whether users are asked before the app gets what it wants. For apps that are not of one's own house."`
	JWKS                   source `key:"jwks" help:"Public keys of the app as a JSON Web Key Set; for private_key_jwt."`
	JWKSURI                text   `key:"jwks_uri" default:"\"\"" check:"called" help:"Where the app publishes its public keys instead: they are fetched from there, and again when a key is new. Https, or http on this machine only."`
	LogoURL                text   `key:"logo_url" default:"\"\"" check:"logo" help:"Address of the app's logo: https. Empty: the tenant's."`
	Accent                 text   `key:"accent" default:"\"\"" check:"accent" help:"Colour of the sign-in pages for this app, as \"#rrggbb\"; empty: the tenant's."`
	EnforceMFA             flag   `key:"enforce_mfa" default:"false" help:"Sign-ins for this app ask for a second factor."`
	MinACR                 text   `key:"min_acr" default:"\"\"" check:"acr" help:"Weakest sign-in that the app accepts; empty: none is refused."`
	Restricted             flag   `key:"restricted" default:"false" help:"Whether only the users and groups below can use the app. Nobody else gets or keeps an answer from it."`
	Users                  texts  `key:"users" ref:"user" help:"Login names of the users that a restricted app is for: exactly these, beside the members of its groups."`
	Groups                 texts  `key:"groups" ref:"group" help:"Names of the groups that a restricted app is for: exactly these."`
	ClaimRules             rules  `key:"claim_rules" default:"[]" help:"What the app is told of its users, other than by scopes: in this order."`
	Active                 flag   `key:"active" default:"true" help:"Whether it can be used."`
}

type claimRule struct {
	entry
	Name      text     `key:"name" must:"true" help:"The claim: 1 to 64 characters without spaces. It takes the place of what a scope gives. Those that say who made a token, and for whom, are not to be had."`
	Source    text     `key:"source" must:"true" choices:"constant,attribute,groups,tenant,omit" help:"Where its value comes from. omit: the app is not told, whatever its scopes."`
	Value     constant `key:"value" help:"Of a constant: text, a number, true, false or a list of these."`
	Attribute text     `key:"attribute" choices:"id,name,display_name,given_name,family_name,email,email_verified,phone,phone_verified,locale,subject,title" help:"Of the user: name is the login name, subject what another provider knows the user by. Of the tenant: name or title."`
	IDP       text     `key:"idp" ref:"idp" help:"With the attribute subject: the IDP of type oidc."`
	Prefix    text     `key:"prefix" help:"Of groups: only those whose names begin so."`
	Map       texts    `key:"map" help:"Of groups: what they are called, as \"group = role\". No other group is told then."`
	Scope     text     `key:"scope" check:"scope" help:"Only where this scope was granted."`
	In        texts    `key:"in" choices:"userinfo,id_token,access_token" help:"Where the claim is. Absent: in userinfo, and in the ID token if id_token_profile is true; one that is dropped is dropped in both."`
}

type user struct {
	entry
	Name          text   `key:"name" must:"true" check:"login" help:"The login name. Case, width and space around make no difference."`
	Kind          text   `key:"kind" default:"person" choices:"person,machine" help:"A machine has no password and never signs in by browser."`
	DisplayName   text   `key:"display_name" derived:"given and family name, or the name" help:"What people read."`
	GivenName     text   `key:"given_name" default:"\"\"" help:"First name."`
	FamilyName    text   `key:"family_name" default:"\"\"" help:"Last name."`
	Email         text   `key:"email" default:"\"\"" check:"email" help:"Mail address. A different one is unproven unless email_verified is given too."`
	EmailVerified flag   `key:"email_verified" default:"false" help:"Whether the address is proven. Only a proven one receives codes."`
	Phone         text   `key:"phone" default:"\"\"" check:"phone" help:"Number in international form, +41791234567. A different one is unproven unless phone_verified is given too."`
	PhoneVerified flag   `key:"phone_verified" default:"false" help:"Whether the number is proven. Only a proven one receives codes."`
	Locale        text   `key:"locale" default:"\"\"" check:"locale" help:"Language of pages and messages, as BCP 47: de-CH."`
	Password      source `key:"password" secret:"true" help:"Set only if it is not the user's password already."`
	Active        flag   `key:"active" default:"true" help:"Whether the user can sign in."`
	IDPs          texts  `key:"idps" ref:"idp" help:"Names of the local IDPs that know the user: exactly these. What he is linked to at other providers stays."`
	Tenants       texts  `key:"tenants" ref:"tenant" help:"Names of the tenants the user is a member of: exactly these."`
	Groups        texts  `key:"groups" ref:"group" help:"Names of the groups the user is in: exactly these. Say it here or in the group's members."`
}

type group struct {
	entry
	Name    text  `key:"name" must:"true" check:"name" help:"Finds the group in its subscription."`
	Members texts `key:"members" ref:"user" help:"Login names of the members: exactly these. Where users list their groups too, both must agree."`
}

type twoFactor struct {
	entry
	Name    text    `key:"name" must:"true" check:"name" help:"Finds the instance in its subscription."`
	Type    text    `key:"type" must:"true" help:"Factor type. It cannot be changed later."`
	Active  flag    `key:"active" default:"true" help:"Whether it is offered."`
	Options options `key:"options" default:"{}" help:"Options of the type: exactly these; what is absent is inherited from base settings. A missing option makes the instance invalid, which is reported and not an error."`
}

type assignment struct {
	entry
	TwoFactor text   `key:"two_factor" must:"true" ref:"two_factor" help:"Name of the instance."`
	To        target `key:"to" must:"true" levels:"subscription,tenant,idp,client_app,group,user" help:"For whom: one level and a name, such as {tenant: acme}; {subscription: true} for the whole subscription."`
	Required  flag   `key:"required" default:"true" help:"Whether sign-ins that this reaches must use a second factor. False only offers it."`
	GraceDays count  `key:"grace_days" default:"0" most:"365" help:"For how many days a user who has nothing to use yet may sign in without."`
}

type exemption struct {
	entry
	Of     target `key:"of" must:"true" levels:"idp,client_app,user" help:"Who is let off, such as {user: bob}."`
	Reason text   `key:"reason" must:"true" check:"filled" help:"Why. It is shown to auditors."`
	Until  moment `key:"until" must:"true" help:"Until when: a date, which counts to its end (UTC), or a time such as 2027-01-31T12:00:00Z."`
}

type platformText struct {
	entry
	Kind    text   `key:"kind" must:"true" help:"Which message: code, enrol, reset or notice."`
	Lang    text   `key:"lang" must:"true" check:"locale" help:"Language of its readers, as BCP 47: de."`
	Subject text   `key:"subject" help:"Subject of the mail."`
	Text    source `key:"text" help:"Plain text of the mail."`
	HTML    source `key:"html" help:"Body of the mail in HTML."`
	SMS     source `key:"sms" help:"Text message."`
}

type platformRole struct {
	entry
	Role text   `key:"role" must:"true" choices:"system_admin,auditor" help:"system_admin: everything, on the whole server. auditor: reads the audit trail and the delivery log."`
	To   target `key:"to" must:"true" levels:"user,group,client_app" help:"Who: {user: anna} or the like."`
	Of   text   `key:"of" must:"true" help:"Name of the subscription that the user, group or client app belongs to."`
}

type role struct {
	entry
	Role   text   `key:"role" must:"true" choices:"subscription_admin,tenant_admin,help_desk,auditor" help:"subscription_admin: everything in the subscription. tenant_admin: runs a tenant. help_desk: helps users who cannot sign in. auditor: reads the audit trail and the delivery log."`
	Tenant text   `key:"tenant" ref:"tenant" help:"Where: a tenant of the subscription. Absent: all of it."`
	To     target `key:"to" must:"true" levels:"user,group,client_app" help:"Who: {group: managers} or the like."`
	Of     text   `key:"of" derived:"this subscription" help:"Name of the subscription that the user, group or client app belongs to."`
}

type template struct {
	entry
	To      target `key:"to" must:"true" levels:"subscription,tenant,client_app" help:"Whose messages: one level and a name, such as {tenant: acme}; {subscription: true} for the whole subscription."`
	Kind    text   `key:"kind" must:"true" help:"Which message: code, enrol, reset or notice."`
	Lang    text   `key:"lang" must:"true" check:"locale" help:"Language of its readers, as BCP 47: de."`
	Subject text   `key:"subject" help:"Subject of the mail."`
	Text    source `key:"text" help:"Plain text of the mail."`
	HTML    source `key:"html" help:"Body of the mail in HTML."`
	SMS     source `key:"sms" help:"Text message."`
}
