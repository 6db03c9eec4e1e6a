package email

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// Stages of a delivery by Microsoft 365.
const (
	stageToken = "token"
	stageSend  = "send"
)

type witnessKey struct{}

// witness notes the network's own error in the request's context: what the
// credential returns instead is only a text.
type witness struct{ client *http.Client }

func (w witness) Do(r *http.Request) (*http.Response, error) {
	res, err := w.client.Do(r)
	if seen, ok := r.Context().Value(witnessKey{}).(*error); ok && err != nil {
		*seen = err
	}
	return res, err
}

// jsonBody gives a body the Close that the pipeline asks for.
func jsonBody(b []byte) io.ReadSeekCloser {
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}
}

// aadsts is an Entra error number. Programs must not depend on them
// (CONTRACTS §5), so they are shown only.
var aadsts = regexp.MustCompile(`AADSTS\d{1,8}\b`)

func tokenRefused(e *azidentity.AuthenticationFailedError, now time.Time) error {
	res := e.RawResponse
	failure := &twofactor.SendError{
		Class: twofactor.ErrAccount, Stage: stageToken, Status: res.StatusCode,
		Help: "Microsoft Entra gives no token. Check tenant ID, client ID and client secret, and whether the secret has expired.",
	}
	if body, err := runtime.Payload(res); err == nil {
		failure.Code = aadsts.FindString(string(body))
	}
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500 {
		failure.Class, failure.Help = twofactor.ErrRetry, oob.StatusHelp(res.StatusCode)
		failure.RetryAfter = oob.RetryAfter(res.Header, now)
	}
	return failure
}

// graphAnswer reads the answer to sendMail. 202 means that Exchange took the
// mail; a Retry-After with it is meant for the next one.
func graphAnswer(res *http.Response, now time.Time) error {
	if res.StatusCode == http.StatusAccepted {
		return nil
	}
	e := &twofactor.SendError{
		Class: oob.StatusClass(res.StatusCode), Stage: stageSend, Status: res.StatusCode,
		Help: oob.StatusHelp(res.StatusCode), RetryAfter: oob.RetryAfter(res.Header, now),
	}
	if res.StatusCode < 300 {
		e.Class, e.Code, e.Help = twofactor.ErrRetry, "garbage", "The answer is none of Microsoft Graph's."
		return e
	}
	var answer struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if body, err := io.ReadAll(res.Body); err == nil && json.Unmarshal(body, &answer) == nil {
		e.Code = oob.ProviderCode(answer.Error.Code)
	}
	switch e.Code {
	case "ErrorInvalidRecipients":
		e.Class, e.Help = twofactor.ErrRecipient, "Exchange does not take mail for this address."
	case "ErrorSendAsDenied":
		e.Class, e.Help = twofactor.ErrAccount, "The mailbox may not send as the sender address. Use its own address, or grant Send As."
	case "ErrorAccessDenied":
		e.Class, e.Help = twofactor.ErrAccount, "The app registration lacks Mail.Send with admin consent for this mailbox."
	case "ErrorInvalidUser", "ResourceNotFound", "MailboxNotEnabledForRESTAPI":
		e.Class, e.Help = twofactor.ErrAccount, "The mailbox that should send does not exist or is not in Exchange Online."
	}
	return e
}
