package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"twofold/twofactor"
)

// signatureHeader carries "t=<unix>,v1=<hex>" in calls and replies.
const signatureHeader = "Twofold-Signature"

// tolerance is how far the clocks of hook and house may be apart.
const tolerance = 5 * time.Minute

// sign is the header's value for a body: HMAC-SHA-256 over the time, a dot and the body.
func sign(secret twofactor.Secret, at int64, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	fmt.Fprintf(mac, "%d.", at)
	mac.Write(body)
	return fmt.Sprintf("t=%d,v1=%x", at, mac.Sum(nil))
}

// checkSignature refuses a reply that was not signed by the hook just now.
func checkSignature(secret twofactor.Secret, now time.Time, h http.Header, body []byte) error {
	values := h.Values(signatureHeader)
	if len(values) != 1 {
		return unbelievable("unsigned", "The reply has no "+signatureHeader+" header.")
	}
	stamp, _, _ := strings.Cut(strings.TrimPrefix(values[0], "t="), ",")
	at, err := strconv.ParseInt(stamp, 10, 64)
	// One spelling only: whatever sign would not have written is wrong.
	if err != nil || !hmac.Equal([]byte(values[0]), []byte(sign(secret, at, body))) {
		return unbelievable("signature", "The reply's signature is wrong. Check that both sides have the same secret.")
	}
	if age := now.Sub(time.Unix(at, 0)); age > tolerance || age < -tolerance {
		return unbelievable("stale", "The reply was not signed just now. Check the clocks.")
	}
	return nil
}
