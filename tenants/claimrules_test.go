package tenants

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/problem"
)

func constantRule(name, value string) ClaimRule {
	return ClaimRule{Name: name, Source: ClaimConstant, Value: json.RawMessage(value)}
}

// Rules are kept as they are, and a change of them is told before and after.
func TestClaimRulesAreKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		c.app.ClaimRules = ClaimRules{
			constantRule("c", ` [ "a", 1 ] `),
			{Name: "roles", Source: ClaimGroups, Prefix: "app:", Map: []string{"app:x = y"}, Scope: "roles", In: []string{InIDToken}},
			{Name: "n", Source: ClaimAttribute, Attribute: AttributeSubject, IDP: "hr"},
			{Name: "t", Source: ClaimTenant, Attribute: TenantTitle},
			{Name: "https://acme.example/dropped", Source: ClaimOmit},
			{Name: "email_verified", Source: ClaimOmit},
		}
		d, err := w.PutClientApp(c.admin, &c.app)
		must(t, err)
		if len(d.Fields) != 1 || d.Fields[0].Name != "ClaimRules" || d.Fields[0].Old != "" || !strings.HasPrefix(d.Fields[0].New, `[{"name":"c","source":"constant","value":["a",1]}`) {
			t.Errorf("%+v", d)
		}
		app, err := w.ClientApp(c.ctx, c.app.ClientID)
		must(t, err)
		if diff := cmp.Diff(c.app.ClaimRules, app.ClaimRules); diff != "" {
			t.Error(diff)
		}
		if d, err = w.PutClientApp(c.admin, &app); err != nil || d.Changed() {
			t.Errorf("the same again: %+v, %v", d, err)
		}
		app.ClaimRules = nil
		if d, err = w.PutClientApp(c.admin, &app); err != nil || len(d.Fields) != 1 || d.Fields[0].New != "" {
			t.Errorf("taken away: %+v, %v", d, err)
		}
	})
}

// A rule that could say who made a token, or that nobody could read, is refused.
func TestClaimRulesRefused(t *testing.T) {
	app := ClientApp{Name: "a", Type: AppWeb, ClientID: "a", AuthMethod: AuthBasic, IDTokenAlg: "RS256"}
	check := func(rules ...ClaimRule) *problem.Error {
		app.ClaimRules = rules
		if err := checkClientApp(&app); err != nil {
			return problem.From(err)
		}
		return nil
	}
	for _, name := range strings.Fields("iss sub aud exp nbf iat jti nonce acr amr auth_time sid azp at_hash c_hash s_hash client_id scope act cnf events active username gid email_verified phone_number_verified") {
		if p := check(constantRule(name, `"x"`)); p == nil || p.Code != "claim_protected" || len(p.Fields) != 1 || p.Fields[0].Name != "claim_rules" {
			t.Errorf("%s can be made: %v", name, p)
		}
		p := check(ClaimRule{Name: name, Source: ClaimOmit})
		if vouched(name) != (p == nil) || p != nil && p.Code != "claim_protected" {
			t.Errorf("%s dropped: %v", name, p)
		}
	}
	many := make([]ClaimRule, maxClaimRules+1)
	for i := range many {
		many[i] = constantRule(fmt.Sprint("c", i), "1")
	}
	if p := check(many[:maxClaimRules]...); p != nil {
		t.Errorf("as many as may be: %v", p)
	}
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", maxClaimList+1), ",") + "]"
	attribute := func(a, idp string) ClaimRule {
		return ClaimRule{Name: "c", Source: ClaimAttribute, Attribute: a, IDP: idp}
	}
	groups := func(lines ...string) ClaimRule { return ClaimRule{Name: "c", Source: ClaimGroups, Map: lines} }
	for name, rules := range map[string][]ClaimRule{
		"too many":               many,
		"twice":                  {constantRule("c", "1"), constantRule("c", "2")},
		"no name":                {constantRule("", "1")},
		"a long name":            {constantRule(strings.Repeat("x", 65), "1")},
		"a name of two words":    {constantRule("a b", "1")},
		"a name that is quoted":  {constantRule(`a"b`, "1")},
		"a name beyond ASCII":    {constantRule("straße", "1")},
		"no source":              {{Name: "c"}},
		"another source":         {{Name: "c", Source: "script"}},
		"no value":               {{Name: "c", Source: ClaimConstant}},
		"no JSON":                {constantRule("c", "{")},
		"null":                   {constantRule("c", "null")},
		"an object":              {constantRule("c", `{"a":1}`)},
		"a list of lists":        {constantRule("c", `[[1]]`)},
		"a list with null":       {constantRule("c", `[null]`)},
		"a long text":            {constantRule("c", `"`+strings.Repeat("x", 1024)+`"`)},
		"a long list":            {constantRule("c", list)},
		"NUL":                    {constantRule("c", `"a\u0000b"`)},
		"no attribute":           {attribute("", "")},
		"another attribute":      {attribute("password", "")},
		"a subject of nobody":    {attribute(AttributeSubject, "")},
		"an IDP for a name":      {attribute(AttributeName, "hr")},
		"a tenant's id":          {{Name: "c", Source: ClaimTenant, Attribute: "id"}},
		"a value of groups":      {{Name: "c", Source: ClaimGroups, Value: json.RawMessage("1")}},
		"an attribute to drop":   {{Name: "c", Source: ClaimOmit, Attribute: AttributeName}},
		"a prefix of a constant": {{Name: "c", Source: ClaimConstant, Value: json.RawMessage("1"), Prefix: "x"}},
		"no line":                {groups("admin")},
		"half a line":            {groups("= admin")},
		"two lines":              {groups("a = b\nc = d")},
		"many lines":             {groups(strings.Fields(strings.Repeat("a=b ", 101))...)},
		"another place":          {{Name: "c", Source: ClaimTenant, In: []string{"header"}}},
		"a scope of two words":   {{Name: "c", Source: ClaimTenant, Scope: "a b"}},
	} {
		if p := check(rules...); p == nil || p.Kind != problem.Invalid || p.Code != "invalid" || len(p.Fields) != 1 || p.Fields[0].Name != "claim_rules" {
			t.Errorf("%s: %v", name, p)
		}
	}
}

func FuzzClaimRule(f *testing.F) {
	for _, v := range []string{`"x"`, `1`, `[true, "a"]`, `{`, `null`, "\"\x00\""} {
		f.Add("c", v)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		r := constantRule(name, value)
		if r.wrong() != "" {
			return
		}
		var back ClaimRules
		must(t, back.Scan(ClaimRules{r}.String()))
		if back[0].Name != r.Name || !bytes.Equal(back[0].Value, r.Value) {
			t.Errorf("%+v became %+v", r, back)
		}
	})
}
