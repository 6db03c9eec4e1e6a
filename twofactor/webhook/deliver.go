package webhook

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"twofold/twofactor"
	"twofold/twofactor/oob"
)

// deliver makes and checks codes; the hook sends them.
type deliver struct {
	hook  *hook
	texts twofactor.Texts
}

var (
	_ twofactor.Factor  = (*deliver)(nil)
	_ twofactor.Sender  = (*deliver)(nil)
	_ twofactor.Relayer = (*deliver)(nil)
	_ twofactor.Chained = (*deliver)(nil)
)

// OnFailure names the instance that takes over when the hook cannot deliver.
func (d *deliver) OnFailure() string { return d.hook.options.OnDeliveryFailure }

// codeField is the name of the one field of a prompt for a code.
const codeField = "code"

// masked stands for where the code goes: only the hook knows.
const masked = "•••"

// codeState is what must travel from Challenge to Verify, in the form that all
// senders of codes have, so that one can relay another's.
type codeState struct {
	Code  string `json:"code"`
	Asked int64  `json:"asked,omitempty"` // when, as Unix time
}

func readCode(s twofactor.State) (codeState, bool) {
	var st codeState
	err := json.Unmarshal(s, &st)
	return st, err == nil && len(st.Code) >= 6
}

// Challenge makes a code and the message that carries it.
func (d *deliver) Challenge(ctx context.Context, u twofactor.User, _ []twofactor.Enrollment) (twofactor.Challenge, error) {
	code, err := digits(d.hook.env.Rand, d.hook.options.CodeLength)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	now := d.hook.env.Now()
	st := codeState{Code: code, Asked: now.Unix()}
	state, err := json.Marshal(st)
	if err != nil {
		return twofactor.Challenge{}, fmt.Errorf("webhook: state: %w", err)
	}
	return d.send(ctx, u, st, twofactor.Challenge{State: state, ExpiresAt: now.Add(d.hook.lifetime())})
}

// Relay sends the code of another instance's challenge.
func (d *deliver) Relay(ctx context.Context, u twofactor.User, c twofactor.Challenge) (twofactor.Challenge, error) {
	st, ok := readCode(c.State)
	if !ok {
		return twofactor.Challenge{}, fmt.Errorf("webhook: the challenge has no code to send: %w", twofactor.ErrUnusable)
	}
	return d.send(ctx, u, st, c)
}

// send gives c the prompt for a code and the message that carries it.
func (d *deliver) send(ctx context.Context, u twofactor.User, st codeState, c twofactor.Challenge) (twofactor.Challenge, error) {
	if u.ID == "" {
		return twofactor.Challenge{}, fmt.Errorf("webhook: nobody to send to: %w", twofactor.ErrUnusable)
	}
	to, err := json.Marshal(person{ID: u.ID, Email: u.Email, Phone: u.Phone})
	if err != nil {
		return twofactor.Challenge{}, fmt.Errorf("webhook: user: %w", err)
	}
	id, err := newID(d.hook.env.Rand)
	if err != nil {
		return twofactor.Challenge{}, err
	}
	m, err := d.hook.env.Compose(ctx, d.letter(u, st, c.ExpiresAt))
	if err != nil {
		return twofactor.Challenge{}, fmt.Errorf("webhook: text: %w", err)
	}
	m.ID, m.To, m.Masked, m.ExpiresAt = id, string(to), masked, c.ExpiresAt
	c.Prompt = codePrompt(d.texts, u.Locale, d.texts.Say(u.Locale, "code.sent"), len(st.Code))
	c.Prompt.Destination = masked
	c.Outgoing = &m
	return c, nil
}

func (d *deliver) letter(u twofactor.User, st codeState, ends time.Time) twofactor.Letter {
	now := d.hook.env.Now()
	// A second more: the clock has gone on a little since ends was reckoned.
	minutes := max(1, int((ends.Sub(now)+time.Second)/time.Minute))
	vars := map[string]string{
		"Name": u.Name, "Realm": u.Realm, "Code": st.Code,
		"Minutes": strconv.Itoa(minutes),
	}
	if st.Asked != 0 {
		vars["At"] = time.Unix(st.Asked, 0).UTC().Format(time.RFC3339)
	}
	if o, err := url.Parse(d.hook.env.Origin); err == nil {
		vars["Host"] = o.Hostname()
	}
	return twofactor.Letter{Kind: twofactor.LetterCode, Medium: twofactor.BySMS, Locale: u.Locale, Vars: vars}
}

// codePrompt asks for a code of n digits; 0: of any length.
func codePrompt(texts twofactor.Texts, locale, message string, n int) twofactor.Prompt {
	return twofactor.Prompt{Message: message, Fields: []twofactor.Field{{
		Name: codeField, Label: texts.Say(locale, "code.label"), Kind: twofactor.KindCode, Required: true, Min: n, Max: n,
	}}}
}

// Verify compares the answer with the code of the challenge.
func (d *deliver) Verify(_ context.Context, _ []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	st, ok := readCode(c.State)
	if !ok {
		return twofactor.Result{}, errors.New("webhook: the challenge's state cannot be read")
	}
	given, err := oob.Digits(a[codeField])
	if err != nil || subtle.ConstantTimeCompare([]byte(given), []byte(st.Code)) != 1 {
		return twofactor.Result{}, fmt.Errorf("webhook: %w", twofactor.ErrWrongAnswer)
	}
	return twofactor.Result{AMR: reply{}.amr()}, nil
}

// Send hands m to the hook, unless it has become worthless.
func (d *deliver) Send(ctx context.Context, m twofactor.Message) (twofactor.Receipt, error) {
	if !m.ExpiresAt.IsZero() && !d.hook.env.Now().Before(m.ExpiresAt) {
		return twofactor.Receipt{}, &twofactor.SendError{
			Class: twofactor.ErrContent, Stage: "expired", Help: "The code was no longer valid, so it was not sent.",
		}
	}
	c := call{Type: callDeliver, MessageID: m.ID, To: recipient(m.To), Text: m.Text}
	if !m.ExpiresAt.IsZero() {
		c.ExpiresAt = m.ExpiresAt.Unix()
	}
	r, err := d.hook.ask(ctx, c)
	if err != nil {
		return twofactor.Receipt{}, err
	}
	if r.Status == unreachable {
		return twofactor.Receipt{}, &twofactor.SendError{
			Class: twofactor.ErrRecipient, Stage: "send", Code: unreachable, Help: "The hook cannot reach this user.",
		}
	}
	receipt := twofactor.Receipt{Status: r.Status}
	if isReference(r.Reference) {
		receipt.ProviderID = r.Reference
	}
	return receipt, nil
}

// recipient reads Message.To: the person that Challenge wrote there, or a plain
// address or number, such as an administrator's who sends a test.
func recipient(to string) *person {
	var p person
	switch {
	case strings.HasPrefix(to, "{") && json.Unmarshal([]byte(to), &p) == nil:
		return &p
	case strings.HasPrefix(to, "+"):
		return &person{Phone: to}
	case strings.Contains(to, "@"):
		return &person{Email: to}
	}
	return &person{ID: to}
}
