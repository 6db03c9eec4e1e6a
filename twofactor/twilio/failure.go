package twilio

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// answer is what a message and an error have in common. In an error status is a
// number, in a message a word.
type answer struct {
	Sid       string          `json:"sid"`
	Status    json.RawMessage `json:"status"`
	Code      int             `json:"code"`
	ErrorCode int             `json:"error_code"`
}

// check returns the failure that an answer tells of: by its HTTP status, or in
// the body of a success that is none.
func check(res *http.Response, body []byte, now time.Time) error {
	var a answer
	readable := json.Unmarshal(body, &a) == nil
	status := res.StatusCode
	switch {
	case status < 200 || status > 299:
		return failure(status, a.Code, oob.RetryAfter(res.Header, now))
	case !readable || (a.Sid == "" && a.Code == 0):
		return garbage(status)
	case a.Sid == "":
		if n, err := strconv.Atoi(string(a.Status)); err == nil && n >= 400 {
			status = n
		} else {
			status = http.StatusBadRequest
		}
		return failure(status, a.Code, 0)
	}
	switch strings.Trim(string(a.Status), `"`) {
	case "failed", "undelivered", "canceled":
		return failure(http.StatusBadRequest, a.ErrorCode, 0)
	}
	return nil
}

// garbage is an answer that is none of Twilio's: a proxy's page, say.
func garbage(status int) error {
	return &twofactor.SendError{
		Class: twofactor.ErrRetry, Stage: "response", Status: status, Code: "garbage", Help: "The answer is none of Twilio's.",
	}
}

// failure classifies by the HTTP status first: Twilio splits its codes over time
// and advises against logic on them (CONTRACTS §2). Only 400 says so little that
// the code must help.
func failure(status, code int, retryAfter time.Duration) *twofactor.SendError {
	e := &twofactor.SendError{
		Class: oob.StatusClass(status), Stage: "send", Status: status,
		Help: oob.StatusHelp(status), RetryAfter: retryAfter,
	}
	if code != 0 {
		e.Code = strconv.Itoa(code)
	}
	if status == http.StatusBadRequest {
		e.Class = codeClass(code)
		e.Help = codeHelp(e.Class)
	}
	return e
}

// codeClass knows the codes of a 400.
func codeClass(code int) error {
	switch code {
	case 21211, 21214, 21217, 21265, 21408, 21421, 21604, 21610, 21612, 21614, 30005, 30006:
		return twofactor.ErrRecipient
	case 10001, 20003, 21212, 21603, 21606, 21608, 21609, 21659, 21660, 30002, 30034:
		return twofactor.ErrAccount
	case 20429, 21611, 30001, 30003, 30008:
		return twofactor.ErrRetry
	}
	if code >= 21700 && code < 21720 { // messaging services
		return twofactor.ErrAccount
	}
	return twofactor.ErrContent
}

func codeHelp(class error) string {
	switch {
	case errors.Is(class, twofactor.ErrRecipient):
		return "Twilio cannot reach this number: it is invalid, no mobile number, has opted out, or its country is not enabled."
	case errors.Is(class, twofactor.ErrAccount):
		return "Twilio refuses the account or the sender. Check both; look the code up in Twilio's error list."
	case errors.Is(class, twofactor.ErrRetry):
		return "Twilio asks us to try again later."
	}
	return "Twilio refused the message. Look the code up in Twilio's error list."
}
