package tenants

import (
	"strings"
	"testing"

	"twofold/internal/problem"
)

func TestCheckClientApp(t *testing.T) {
	const jwks = `{"keys":[{"kty":"EC","crv":"P-256","x":"eA","y":"eQ"}]}`
	good := ClientApp{
		Name: "x", Type: AppWeb, ClientID: "x", AuthMethod: AuthBasic, IDTokenAlg: "RS256", GrantTypes: List{GrantCode, GrantRefresh},
		RedirectURIs: List{"https://x.example/cb"}, Scopes: List{"openid", "reports:read"},
	}
	for name, tc := range map[string]struct {
		change func(*ClientApp)
		field  string // empty: allowed
	}{
		"good":   {func(*ClientApp) {}, ""},
		"public": {func(c *ClientApp) { c.Type, c.AuthMethod = AppSPA, AuthNone }, ""},
		"machine": {func(c *ClientApp) {
			c.Type, c.GrantTypes, c.RedirectURIs = AppMachine, List{GrantClientCredentials}, nil
		}, ""},
		"private_key_jwt":             {func(c *ClientApp) { c.AuthMethod, c.JWKS = AuthPrivateKeyJWT, jwks }, ""},
		"older without PKCE":          {func(c *ClientApp) { c.PKCEOptional = true }, ""},
		"no type":                     {func(c *ClientApp) { c.Type = "" }, "type"},
		"no client_id":                {func(c *ClientApp) { c.ClientID = "" }, "client_id"},
		"space in client_id":          {func(c *ClientApp) { c.ClientID = "a b" }, "client_id"},
		"line break in client_id":     {func(c *ClientApp) { c.ClientID = "a\nb" }, "client_id"},
		"umlaut in client_id":         {func(c *ClientApp) { c.ClientID = "ä" }, "client_id"},
		"long client_id":              {func(c *ClientApp) { c.ClientID = strings.Repeat("x", 129) }, "client_id"},
		"no auth method":              {func(c *ClientApp) { c.AuthMethod = "" }, "auth_method"},
		"private_key_jwt without key": {func(c *ClientApp) { c.AuthMethod = AuthPrivateKeyJWT }, "jwks"},
		"keys that are none":          {func(c *ClientApp) { c.JWKS = "hunter2" }, "jwks"},
		"no keys":                     {func(c *ClientApp) { c.JWKS = `{"keys":[]}` }, "jwks"},
		"private key":                 {func(c *ClientApp) { c.JWKS = `{"keys":[{"kty":"RSA","n":"bg","e":"AQAB","d":"ZA"}]}` }, "jwks"},
		"symmetric key":               {func(c *ClientApp) { c.JWKS = `{"keys":[{"kty":"oct","k":"aw"}]}` }, "jwks"},
		"public without PKCE":         {func(c *ClientApp) { c.AuthMethod, c.PKCEOptional = AuthNone, true }, "pkce_optional"},
		"public machine":              {func(c *ClientApp) { c.AuthMethod, c.GrantTypes = AuthNone, List{GrantClientCredentials} }, "grant_types"},
		"unknown grant":               {func(c *ClientApp) { c.GrantTypes = List{"password"} }, "grant_types"},
		"implicit":                    {func(c *ClientApp) { c.GrantTypes = List{"implicit"} }, "grant_types"},
		"no alg":                      {func(c *ClientApp) { c.IDTokenAlg = "" }, "id_token_alg"},
		"alg none":                    {func(c *ClientApp) { c.IDTokenAlg = "none" }, "id_token_alg"},
		"symmetric alg":               {func(c *ClientApp) { c.IDTokenAlg = "HS256" }, "id_token_alg"},
		"no redirect":                 {func(c *ClientApp) { c.RedirectURIs = nil }, "redirect_uris"},
		"bad redirect":                {func(c *ClientApp) { c.RedirectURIs = append(c.RedirectURIs, "http://x.example") }, "redirect_uris"},
		"bad post-logout redirect":    {func(c *ClientApp) { c.PostLogoutRedirectURIs = List{"javascript:alert(1)"} }, "post_logout_redirect_uris"},
		"space in scope":              {func(c *ClientApp) { c.Scopes = List{"a b"} }, "scopes"},
		"quote in scope":              {func(c *ClientApp) { c.Scopes = List{`a"b`} }, "scopes"},
		"backslash in scope":          {func(c *ClientApp) { c.Scopes = List{`a\b`} }, "scopes"},
		"logout address":              {func(c *ClientApp) { c.LogoutURI, c.LogoutSession = "https://x.example/out", true }, ""},
		"bad logout address":          {func(c *ClientApp) { c.LogoutURI = "http://x.example/out" }, "backchannel_logout_uri"},
		"logout address of a machine": {func(c *ClientApp) { c.Type, c.LogoutURI = AppMachine, "https://x.example/out" }, "backchannel_logout_uri"},
		"sid without logout address":  {func(c *ClientApp) { c.LogoutSession = true }, "backchannel_logout_session_required"},
		"empty scope":                 {func(c *ClientApp) { c.Scopes = List{""} }, "scopes"},
	} {
		app := good
		tc.change(&app)
		err := checkClientApp(&app)
		if tc.field == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if tc.field != "" && (!problem.Is(err, problem.Invalid) || problem.From(err).Fields[0].Name != tc.field) {
			t.Errorf("%s: %v, want a problem with %s", name, err, tc.field)
		}
	}
}

func TestCheckRedirect(t *testing.T) {
	for uri, types := range map[string]string{ // app types that may have it
		"https://x.example/cb":              "web spa native",
		"https://x.example":                 "web spa native",
		"https://x.example:8443/cb?a=b":     "web spa native",
		"https://[2001:db8::1]/cb":          "web spa native",
		"http://localhost:8080/cb":          "web spa native",
		"http://127.0.0.1/cb":               "web spa native",
		"http://127.8.9.1/cb":               "web spa native",
		"http://[::1]:9000/cb":              "web spa native",
		"com.example.app:/cb":               "native",
		"com.example.app://cb":              "native",
		"myapp://cb":                        "",
		"http://x.example/cb":               "",
		"http://localhost.x.example/cb":     "",
		"http://127.0.0.1.x.example/cb":     "",
		"http://0.0.0.0/cb":                 "",
		"http://10.0.0.1/cb":                "",
		"https://x.example/cb#":             "",
		"https://x.example/cb#a":            "",
		"https://user@x.example/cb":         "",
		"https://x.example@evil.example/cb": "",
		"https://user:pass@x.example/cb":    "",
		"https://*.x.example/cb":            "",
		"https://:443/cb":                   "",
		"https:///cb":                       "",
		"https:x.example/cb":                "",
		"https://x.example/ cb":             "",
		"https://x.example/c\tb":            "",
		"https://x.example/c\nb":            "",
		"https://x.example\\@evil.example/": "",
		"https://ex\u00e4mple.example/cb":   "",
		"//x.example/cb":                    "",
		"/cb":                               "",
		"x.example/cb":                      "",
		"javascript:alert(1)":               "",
		"data:text/html,x":                  "",
		"vbscript:x":                        "",
		"file:///etc/passwd":                "",
		"ftp://x.example/":                  "",
		"":                                  "",
		" https://x.example/cb":             "",
		"https://x.example/cb\u202e":        "",
	} {
		for _, typ := range []string{AppWeb, AppSPA, AppNative} {
			if why := checkRedirect(uri, typ); (why == "") != strings.Contains(types, typ) {
				t.Errorf("%q for %s: %q", uri, typ, why)
			}
		}
	}
}

func TestCheckCalledURI(t *testing.T) {
	for uri, want := range map[string]string{
		"": "", "https://x.example/out": "", "https://x.example:8443/out?a=b": "", "https://[2001:db8::1]/out": "", "https://10.0.0.1/out": "",
		"http://127.0.0.1:8080/out": "", "http://localhost/out": "", "http://[::1]/out": "",
		"http://x.example/out": "must use https", "http://10.0.0.1/out": "must use https", "http://localhost.x.example/out": "must use https",
		"ftp://x.example/out": "must use https", "com.example.app://cb/out": "must use https", "javascript:alert(1)": "must name one host",
		"https://x.example/out#": "must have no fragment", "https://x.example/out#a": "must have no fragment", "https://a:b@x.example/out": "must have no user name",
		"https:///out": "must name one host", "https://:443/out": "must name one host", "https://*.x.example/out": "must name one host",
		"/out": "is not an absolute address", "//x.example/out": "is not an absolute address", "https://x.example/ out": "is not an absolute address",
		"https://x.example/\r\nout": "is not an absolute address", "https://x.example/" + strings.Repeat("x", maxCalledURI): "is not an absolute address",
	} {
		if got := CheckCalledURI(uri); got != want {
			t.Errorf("%q: %q, want %q", uri, got, want)
		}
	}
}

func TestValidEmail(t *testing.T) {
	for s, want := range map[string]bool{
		"a@x.example": true, "a.b+c@x.example": true, "o'hara@x.example": true, "müller@x.example": true,
		"": false, "a": false, "@x.example": false, "a@": false, "a b@x.example": false, "a@x.example, b@x.example": false,
		"<a@x.example>": false, "A <a@x.example>": false, `"a b"@x.example`: false, "a@x.example\n": false, "a@x.example\r\nBcc: x": false,
		"a@@x.example": false, strings.Repeat("a", 250) + "@x.ex": false, "a@x.example ": false, "(c)a@x.example": false,
	} {
		if got := validEmail(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestValidPhone(t *testing.T) {
	for s, want := range map[string]bool{
		"+41791234567": true, "+12025550123": true, "+123456789012345": true, "+1234567": true,
		"": false, "+": false, "0791234567": false, "41791234567": false, "+0791234567": false, "+1234567890123456": false, "+123456": false,
		"+41 79 123 45 67": false, "+41-791234567": false, "+4179123456７": false, "+4179123456x": false, "++41791234567": false, "+41791234567\n": false,
	} {
		if got := validPhone(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func FuzzCheckRedirect(f *testing.F) {
	f.Add("https://x.example/cb")
	f.Add("com.example.app:/cb")
	f.Fuzz(func(t *testing.T, uri string) {
		for _, typ := range []string{AppWeb, AppNative} {
			if checkRedirect(uri, typ) != "" {
				continue
			}
			if strings.ContainsAny(uri, " \t\r\n#") || typ == AppWeb && !strings.HasPrefix(strings.ToLower(uri), "http") {
				t.Errorf("%q is let through for %s", uri, typ)
			}
		}
	})
}
