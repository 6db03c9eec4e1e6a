package op

import (
	"encoding/json"
	"slices"

	"twofold/twofactor"
)

// claimsRequest is the claims parameter (Core §5.5), reduced to what we know.
type claimsRequest struct {
	Userinfo map[string]*claimAsked `json:"userinfo,omitempty"`
	IDToken  map[string]*claimAsked `json:"id_token,omitempty"`
}

type claimAsked struct {
	Essential bool     `json:"essential,omitempty"`
	Value     string   `json:"value,omitempty"`
	Values    []string `json:"values,omitempty"`
}

// UnmarshalJSON accepts null and objects; values that are not text are ignored,
// since no claim of ours that can be asked for by value is anything else.
func (c *claimAsked) UnmarshalJSON(data []byte) error {
	var raw struct {
		Essential bool  `json:"essential"`
		Value     any   `json:"value"`
		Values    []any `json:"values"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	c.Essential = raw.Essential
	c.Value, _ = raw.Value.(string)
	for _, v := range raw.Values {
		if s, ok := v.(string); ok {
			c.Values = append(c.Values, s)
		}
	}
	return nil
}

// wanted are the values asked for, the preferred one first.
func (c *claimAsked) wanted() []string {
	switch {
	case c == nil:
		return nil
	case c.Value != "":
		return []string{c.Value}
	}
	return c.Values
}

// parseClaims reads the parameter and drops claims that nobody here issues.
func parseClaims(text string) (claimsRequest, error) {
	var c claimsRequest
	if text == "" {
		return c, nil
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, err
	}
	known := supportedClaims()
	for _, m := range []map[string]*claimAsked{c.Userinfo, c.IDToken} {
		for name := range m {
			if !slices.Contains(known, name) {
				delete(m, name)
			}
		}
	}
	return c, nil
}

// parseStoredClaims reads what fillClaims kept.
func parseStoredClaims(text string) claimsRequest {
	c, _ := parseClaims(text) // written by us: cannot fail
	return c
}

func (c claimsRequest) essentialACR() bool {
	a := c.IDToken["acr"]
	return a != nil && a.Essential && len(a.wanted()) > 0
}

func fillClaims(row *authRequestRow, ps params) *refusal {
	c, err := parseClaims(ps.get("claims"))
	if err != nil {
		return refuse("invalid_request", "claims is not a JSON object as OpenID Connect describes it")
	}
	if len(c.Userinfo)+len(c.IDToken) == 0 {
		return nil
	}
	kept, err := json.Marshal(c)
	if err != nil || !isText(string(kept)) {
		return refuse("invalid_request", "claims cannot be kept")
	}
	row.Claims = string(kept)
	if no := fillACR(row, c); no != nil {
		return no
	}
	for _, m := range []map[string]*claimAsked{c.IDToken, c.Userinfo} {
		if subs := m["sub"].wanted(); len(subs) == 1 { // Core §5.5.1: only for this user
			if !isText(subs[0]) || row.HintUserID != "" && row.HintUserID != subs[0] {
				return refuse("invalid_request", "claims names different users")
			}
			row.HintUserID = subs[0]
		}
	}
	return nil
}

// fillACR: a demand for an acr by claim is one by acr_values, more urgent. An essential
// one stands alone, and fails at once where nobody here can reach it (Core §5.5.1.1).
func fillACR(row *authRequestRow, c claimsRequest) *refusal {
	asked := c.IDToken["acr"].wanted()
	if !c.essentialACR() {
		asked = append(asked, row.ACRValues...)
	}
	var acrs []string
	for _, v := range asked {
		if !slices.Contains(acrs, v) && isText(v) && len(words(v)) == 1 {
			acrs = append(acrs, v)
		}
	}
	row.ACRValues = acrs
	if c.essentialACR() && metACR(acrs, strongestACR()) == "" {
		return refuse(errUnmet, "no acr that is essential is offered")
	}
	return nil
}

// errUnmet is an essential acr that was not reached (OpenID Connect Core Error Code
// unmet_authentication_requirements 1.0).
const errUnmet = "unmet_authentication_requirements"

func strongestACR() string {
	all := twofactor.ACRs()
	return all[len(all)-1]
}

// metACR is the strongest of the acr values asked for that a sign-in has met, which may
// have reached more; empty: none.
func metACR(asked []string, reached string) string {
	have, _ := twofactor.ParseACR(reached)
	met, best := "", twofactor.StrengthNone
	for _, v := range asked {
		if st, ok := twofactor.ParseACR(v); ok && st <= have && st > best {
			met, best = v, st
		}
	}
	return met
}
