package email

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	netmail "net/mail"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// Names of the platform's endpoints and their defaults, those of the public cloud.
const (
	endpointEntra = "entra"
	endpointGraph = "msgraph"
	defaultEntra  = "https://login.microsoftonline.com"
	defaultGraph  = "https://graph.microsoft.com"
)

// m365Sender delivers by Microsoft Graph's sendMail. The credential lives as
// long as the factor and keeps its token.
type m365Sender struct {
	from     *netmail.Address
	url      string
	pipeline runtime.Pipeline
	env      twofactor.Env
}

func newM365(from *netmail.Address, server MailServer, env twofactor.Env) (*m365Sender, error) {
	graph := env.Endpoints.Get(endpointGraph, defaultGraph)
	if !strings.HasPrefix(graph, "https://") {
		return nil, fmt.Errorf("email: endpoint %q must start with https", endpointGraph)
	}
	options := azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: env.Endpoints.Get(endpointEntra, defaultEntra) + "/"},
		Transport: witness{oob.HTTPClient(env)},
		// The outbox repeats; two layers that do so would multiply (SECURITY N52).
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
	credential, err := azidentity.NewClientSecretCredential(server.TenantID, server.ClientID, server.ClientSecret.Reveal(),
		&azidentity.ClientSecretCredentialOptions{
			ClientOptions: options,
			// Instance discovery asks the public cloud whether an authority is
			// genuine; only the operator's own authority goes unasked.
			DisableInstanceDiscovery: env.Endpoints[endpointEntra] != "",
		})
	if err != nil {
		return nil, fmt.Errorf("email: endpoint %q does not work as an authority; it must start with https", endpointEntra)
	}
	bearer := runtime.NewBearerTokenPolicy(credential, []string{graph + "/.default"}, nil)
	return &m365Sender{
		from:     from,
		url:      graph + "/v1.0/users/" + url.PathEscape(server.UserID) + "/sendMail",
		pipeline: runtime.NewPipeline("twofold", "", runtime.PipelineOptions{PerRetry: []policy.Policy{bearer}}, &options),
		env:      env,
	}, nil
}

// Send delivers m. The wait for a token does not look at ctx while another
// delivery fetches it, so the call runs aside; it ends by itself soon after ctx.
func (s *m365Sender) Send(ctx context.Context, m twofactor.Message) (twofactor.Receipt, error) {
	body, err := s.compose(m)
	if err != nil {
		return twofactor.Receipt{}, err
	}
	done := make(chan error, 1)
	go func() { done <- s.post(ctx, body) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = oob.Unreached(ctx, stageSend, ctx.Err())
	}
	if err != nil {
		return twofactor.Receipt{}, err
	}
	return twofactor.Receipt{Status: "accepted"}, nil
}

func (s *m365Sender) post(ctx context.Context, body []byte) error {
	var seen error
	ctx = context.WithValue(ctx, witnessKey{}, &seen)
	req, err := runtime.NewRequest(ctx, http.MethodPost, s.url)
	if err != nil {
		return fmt.Errorf("email: endpoint %q is no URL: %w", endpointGraph, twofactor.ErrAccount)
	}
	if err := req.SetBody(jsonBody(body), "application/json"); err != nil {
		return fmt.Errorf("email: request: %w", twofactor.ErrRetry)
	}
	res, err := s.pipeline.Do(req)
	var refused *azidentity.AuthenticationFailedError
	switch {
	case errors.As(err, &refused) && refused.RawResponse != nil && seen == nil:
		return tokenRefused(refused, s.env.Now())
	case seen != nil:
		return oob.Unreached(ctx, stageSend, seen)
	case err != nil:
		return oob.Unreached(ctx, stageSend, err)
	}
	defer res.Body.Close()
	return graphAnswer(res, s.env.Now())
}

// graphMail is the body of sendMail. It takes one body only: HTML where there is
// one, for Exchange adds the plain text of it to what leaves; a whole MIME
// message would carry both, but could not say SaveToSentItems.
type graphMail struct {
	Message struct {
		Subject      string           `json:"subject"`
		Body         graphBody        `json:"body"`
		From         graphRecipient   `json:"from"`
		ToRecipients []graphRecipient `json:"toRecipients"`
		Headers      []graphHeader    `json:"internetMessageHeaders"`
	} `json:"message"`
	// SaveToSentItems is true when absent, and would keep every code in the mailbox.
	SaveToSentItems bool `json:"saveToSentItems"`
}

type graphBody struct {
	ContentType string `json:"contentType"`
	Content     string `json:"content"`
}

type graphRecipient struct {
	EmailAddress graphAddress `json:"emailAddress"`
}

type graphAddress struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

type graphHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (s *m365Sender) compose(m twofactor.Message) ([]byte, error) {
	to, err := parseAddress(m.To)
	if err != nil {
		return nil, errRecipientAddress()
	}
	var mail graphMail
	mail.Message.Subject = m.Subject
	mail.Message.Body = graphBody{"Text", m.Text}
	if m.HTML != "" {
		mail.Message.Body = graphBody{"HTML", m.HTML}
	}
	mail.Message.From.EmailAddress = graphAddress{s.from.Name, s.from.Address}
	mail.Message.ToRecipients = []graphRecipient{{graphAddress{Address: to.Address}}}
	mail.Message.Headers = []graphHeader{{"X-Auto-Response-Suppress", "All"}}
	body, err := json.Marshal(mail)
	if err != nil {
		return nil, fmt.Errorf("email: mail as JSON: %w", twofactor.ErrContent)
	}
	return body, nil
}
