package email

import (
	"errors"
	"strings"
	"testing"

	"twofold/twofactor"
	"twofold/twofactor/factortest"
)

// FuzzOptions: whatever is configured either opens or is refused by name.
func FuzzOptions(f *testing.F) {
	f.Add(`{"EMailSenderAddress":"a@b.example","MailServerConfig":{"Host":"mail.example","UserName":"u","Password":"p"}}`)
	f.Add(`{"EMailSenderAddress":"A <a@b.example>","MailServerConfig":"{\"MailType\":\"M365\",\"ClientId\":\"c\",\"ClientSecret\":\"s\",\"TenantId\":\"t\",\"UserId\":\"u@b\"}"}`)
	f.Add(`{"EMailSenderAddress":"@","MailServerConfig":{"EnableSSL":false,"Port":0}}`)
	provider, env := Provider(), factortest.Env()
	f.Fuzz(func(t *testing.T, options string) {
		_, err := provider.Open([]byte(options), env)
		var bad *twofactor.OptionsError
		if err != nil && (!errors.As(err, &bad) || len(bad.Errors) == 0) {
			t.Errorf("got %v", err)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@b.example", "A <a@bücher.example>", `"a b"@c`, "a@[127.0.0.1]", "a@b\r\nc", "@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(a.Address, "\r\n <>\"") || strings.Count(a.Address, "@") != 1 || !isASCII(domainOf(a)) {
			t.Errorf("parseAddress(%q) = %q", s, a.Address)
		}
	})
}
