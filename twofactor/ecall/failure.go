package ecall

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// answer is what eCall says, in success and in failure. Nothing else of it is read.
type answer struct {
	MessageID string `json:"messageId"`
	Code      string `json:"errorCode"`
	Details   struct {
		Errors []struct {
			Parameter string `json:"parameter"`
		} `json:"errors"`
	} `json:"errorDetails"`
}

// check returns the failure that an answer tells of: by its HTTP status, or in
// the body of a success that is none.
func check(res *http.Response, a answer, readable bool, now time.Time) error {
	status := res.StatusCode
	switch {
	case status < 200 || status > 299:
	case readable && a.MessageID != "":
		return nil
	case readable && a.Code != "":
		status = http.StatusBadRequest
	default:
		return &twofactor.SendError{
			Class: twofactor.ErrRetry, Stage: "response", Status: status, Code: "garbage", Help: "The answer is none of eCall's.",
		}
	}
	e := &twofactor.SendError{
		Class: oob.StatusClass(status), Stage: "send", Status: res.StatusCode, Code: oob.ProviderCode(a.Code),
		Help: oob.StatusHelp(status), RetryAfter: oob.RetryAfter(res.Header, now),
	}
	if status == http.StatusBadRequest {
		e.Class = a.class()
		e.Help = help(e.Class)
	}
	return e
}

// class tells by the parameter that eCall complains about. A sender that is not
// allowed hits everybody, so it goes before the rest.
func (a answer) class() error {
	class := twofactor.ErrContent
	for _, e := range a.Details.Errors {
		switch strings.ToLower(e.Parameter) {
		case "from":
			return twofactor.ErrAccount
		case "to":
			class = twofactor.ErrRecipient
		}
	}
	return class
}

func help(class error) string {
	switch {
	case errors.Is(class, twofactor.ErrAccount):
		return "eCall does not accept the sender. A name must be approved in the portal; a free account sends from its own number only."
	case errors.Is(class, twofactor.ErrRecipient):
		return "eCall does not accept this number."
	}
	return "eCall refused the message."
}
