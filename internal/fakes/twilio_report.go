package fakes

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Report calls back to where m asked for it, as Twilio does when it learns how a
// message fared, and returns the status of the answer. Code is an error code, or 0.
func (t *Twilio) Report(ctx context.Context, client *http.Client, m SMS, status string, code int) (int, error) {
	if m.Callback == "" {
		return 0, fmt.Errorf("fakes: message %s has no StatusCallback", m.ID)
	}
	form := t.ReportForm(m, status, code)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Callback, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	req.Header.Set("User-Agent", "TwilioProxy/1.1")
	req.Header.Set("X-Twilio-Signature", t.Signature(m.Callback, form))
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// ReportForm is what a callback says.
func (t *Twilio) ReportForm(m SMS, status string, code int) url.Values {
	form := url.Values{
		"AccountSid": {t.AccountSid}, "ApiVersion": {"2010-04-01"}, "To": {m.To}, "From": {m.From},
		"MessageSid": {m.ID}, "SmsSid": {m.ID}, "MessageStatus": {status}, "SmsStatus": {status},
	}
	if code != 0 {
		form.Set("ErrorCode", strconv.Itoa(code))
	}
	return form
}

// Signature is the X-Twilio-Signature of a form posted to an address.
func (t *Twilio) Signature(address string, form url.Values) string {
	text := address
	for _, name := range slices.Sorted(maps.Keys(form)) {
		text += name + strings.Join(form[name], "")
	}
	mac := hmac.New(sha1.New, []byte(t.AuthToken))
	io.WriteString(mac, text) //nolint:errcheck // never fails
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
