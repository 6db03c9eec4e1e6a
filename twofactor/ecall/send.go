package ecall

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// The platform's endpoint.
const (
	endpoint    = "ecall"
	defaultBase = "https://rest.ecall.ch"
	path        = "/api/v2/message"
)

// sender delivers by POST /api/v2/message. Options stand behind a pointer, so
// that printing a sender cannot print the password.
type sender struct {
	options *Options
	url     string
	http    *http.Client
	now     func() time.Time
}

func newSender(o Options, env twofactor.Env) (*sender, error) {
	base := env.Endpoints.Get(endpoint, defaultBase)
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fmt.Errorf("ecall: endpoint %q is not a base URL", endpoint)
	}
	return &sender{options: &o, url: base + path, http: oob.HTTPClient(env), now: env.Now}, nil
}

// request is the body. Channel and type are case-sensitive (CONTRACTS §1).
type request struct {
	Channel string  `json:"channel"`
	From    string  `json:"from"`
	To      string  `json:"to"`
	Content content `json:"content"`
}

type content struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Send delivers m.
func (s *sender) Send(ctx context.Context, m twofactor.Message) (twofactor.Receipt, error) {
	body, err := json.Marshal(request{
		Channel: "Sms", From: s.options.ECallAccountFromNumber, To: m.To, Content: content{Type: "Text", Text: m.Text},
	})
	if err != nil {
		return twofactor.Receipt{}, fmt.Errorf("ecall: message as JSON: %w", twofactor.ErrContent)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return twofactor.Receipt{}, fmt.Errorf("ecall: endpoint %q is not a base URL: %w", endpoint, twofactor.ErrAccount)
	}
	req.SetBasicAuth(s.options.ECallAccountName, s.options.ECallAccountPassword.Reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "twofold")
	res, err := s.http.Do(req)
	if err != nil {
		return twofactor.Receipt{}, oob.Unreached(ctx, "connect", err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		return twofactor.Receipt{}, oob.Unreached(ctx, "response", err)
	}
	var a answer
	readable := json.Unmarshal(got, &a) == nil
	if err := check(res, a, readable, s.now()); err != nil {
		return twofactor.Receipt{}, err
	}
	return twofactor.Receipt{ProviderID: a.MessageID, Status: "accepted"}, nil
}
