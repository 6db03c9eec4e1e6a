package twilio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// The platform's endpoint.
const (
	endpoint    = "twilio"
	defaultBase = "https://api.twilio.com"
)

// sender delivers by the Messages API. Options stand behind a pointer, so that
// printing a sender cannot print the token.
type sender struct {
	options *Options
	base    *url.URL
	http    *http.Client
	now     func() time.Time
}

func newSender(o Options, env twofactor.Env) (*sender, error) {
	base, err := url.Parse(env.Endpoints.Get(endpoint, defaultBase))
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("twilio: endpoint %q is not a base URL", endpoint)
	}
	return &sender{options: &o, base: base, http: oob.HTTPClient(env), now: env.Now}, nil
}

// Send delivers m.
func (s *sender) Send(ctx context.Context, m twofactor.Message) (twofactor.Receipt, error) {
	// The library's functions take no context, so a client is made for each call.
	// The handler is built by hand: NewRequestHandler would obey TWILIO_EDGE and
	// TWILIO_REGION.
	service := api.NewApiService(&client.RequestHandler{Client: &call{sender: s, ctx: ctx}})
	message, err := service.CreateMessage(s.params(m))
	var failure *twofactor.SendError
	switch {
	case errors.As(err, &failure):
		return twofactor.Receipt{}, failure
	case err != nil: // the library cannot read a message that call could read
		return twofactor.Receipt{}, garbage(http.StatusCreated)
	}
	receipt := twofactor.Receipt{ProviderID: value(message.Sid), Status: value(message.Status)}
	receipt.Segments, _ = strconv.Atoi(value(message.NumSegments))
	return receipt, nil
}

// maxValidity is the longest ValidityPeriod, in seconds.
const maxValidity = 36000

func (s *sender) params(m twofactor.Message) *api.CreateMessageParams {
	p := &api.CreateMessageParams{}
	p.SetTo(m.To).SetBody(m.Text)
	if from := s.options.TwilioSmsFromNumber; serviceSid.MatchString(from) {
		p.SetMessagingServiceSid(from)
	} else {
		p.SetFrom(from)
	}
	if m.ReportURL != "" {
		p.SetStatusCallback(m.ReportURL)
	}
	if !m.ExpiresAt.IsZero() {
		// No dead code hours later. Rounded up, for 0 is not allowed.
		left := m.ExpiresAt.Sub(s.now())
		seconds := int((left + time.Second - 1) / time.Second)
		p.SetValidityPeriod(min(max(seconds, 1), maxValidity))
	}
	return p
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// call is one request by one context: what the library takes as its client. It
// never sends twice.
type call struct {
	sender *sender
	ctx    context.Context //nolint:containedctx // it lives as long as the call
}

var _ client.BaseClient = (*call)(nil)

// SendRequest sends to our base URL, whatever host the library thinks of.
func (c *call) SendRequest(method, rawURL string, data url.Values, _ map[string]any, _ ...byte) (*http.Response, error) {
	target, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	target.Scheme, target.Host = c.sender.base.Scheme, c.sender.base.Host
	target.Path = c.sender.base.Path + target.Path
	req, err := http.NewRequestWithContext(c.ctx, method, target.String(), strings.NewReader(data.Encode()))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.AccountSid(), c.sender.options.TwilioAuthToken.Reveal())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "twofold")
	res, err := c.sender.http.Do(req)
	if err != nil {
		return nil, oob.Unreached(c.ctx, "connect", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, oob.Unreached(c.ctx, "response", err)
	}
	if err := check(res, body, c.sender.now()); err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// AccountSid names the account for the library's path.
func (c *call) AccountSid() string { return c.sender.options.TwilioAccountSid }

// SetTimeout does nothing: the context and the HTTP client bound the call.
func (c *call) SetTimeout(time.Duration) {}

// SetOauth does nothing: we use basic authentication.
func (c *call) SetOauth(client.OAuth) {}

// OAuth is not used.
func (c *call) OAuth() client.OAuth { return nil }
