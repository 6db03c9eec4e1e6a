package factortest

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"twofold/twofactor"
)

// FakeConfig says what kind of factor a Fake is. The zero value is a factor that
// asks at once for a code that only the test knows.
type FakeConfig struct {
	Type     string                // default "fakefactor"
	Strength twofactor.Strength    // default StrengthAAL2
	Needs    []twofactor.Attribute //
	Fallback bool                  //
	Enrolls  bool                  // must be bound to the user first
	Sends    bool                  // delivers its code, to Sent
	AMR      []string              // default "otp"

	// Of a Fake that sends; not with Enrolls.
	OnFailure string // names the instance to fall through to
	Relays    bool   // delivers the codes of other Fakes
	Reports   bool   // reads reports that its ReportForm makes
}

// Fake is a complete type of factor that nothing but a test knows. It shows that
// the house needs no change for a new factor, and tests the house with one whose
// codes are no secret to the test.
type Fake struct {
	config FakeConfig

	mu      sync.Mutex
	codes   map[string]string // by user
	sent    []twofactor.Message
	sendErr error
	next    []error
}

// FakeOptions are the options of a Fake instance, one of each kind.
type FakeOptions struct {
	Greeting string           `json:"Greeting" label:"Greeting" help:"What the prompt says." required:"true"`
	Key      twofactor.Secret `json:"Key" label:"Key" help:"A secret that does nothing." required:"true"`
	Digits   int              `json:"Digits" label:"Digits" help:"Length of the code." min:"4" max:"10"`
	Mood     string           `json:"Mood" label:"Mood" help:"Changes nothing." choices:"calm,merry"`
	Loud     bool             `json:"Loud" label:"Loud" help:"Changes nothing."`
	Nested   struct {
		Depth int `json:"Depth" label:"Depth" help:"Changes nothing." min:"1" max:"9"`
	} `json:"Nested" label:"Nested" help:"An object."`
}

// FakeOptionsJSON are valid options of a Fake.
const FakeOptionsJSON = `{"Greeting":"Hello from the fake.","Key":"fake-key-never-seen"}`

// NewFake makes a type of factor.
func NewFake(c FakeConfig) *Fake {
	if c.Type == "" {
		c.Type = "fakefactor"
	}
	if c.Strength == twofactor.StrengthNone {
		c.Strength = twofactor.StrengthAAL2
	}
	if len(c.AMR) == 0 {
		c.AMR = []string{"otp"}
	}
	return &Fake{config: c, codes: map[string]string{}}
}

// Provider is the entry for a catalogue.
func (f *Fake) Provider() twofactor.Provider {
	info := twofactor.Info{
		Type: f.config.Type, Name: "Fake factor", Needs: f.config.Needs,
		Strength: f.config.Strength, Fallback: f.config.Fallback, Enrolls: f.config.Enrolls,
	}
	defaults := FakeOptions{Digits: 6, Mood: "calm"}
	defaults.Nested.Depth = 1
	return twofactor.Define(info, defaults, f.open)
}

// Code is the code a user was last asked for, to sign in or to enrol.
func (f *Fake) Code(userID string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.codes[userID]
}

// Sent lists what was delivered.
func (f *Fake) Sent() []twofactor.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

// FailSends makes all deliveries fail with err until it is nil again.
func (f *Fake) FailSends(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sendErr = err
}

// FailNext makes the next deliveries fail, each with one of errs.
func (f *Fake) FailNext(errs ...error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = append(f.next, errs...)
}

func (f *Fake) open(o FakeOptions, env twofactor.Env) (twofactor.Factor, error) {
	base := &fakeFactor{fake: f, options: &o, env: env}
	enroller, sender := &fakeEnroller{base}, &fakeSender{base}
	switch {
	case f.config.Enrolls && f.config.Sends:
		return &struct {
			*fakeFactor
			twofactor.Enroller
			twofactor.Sender
		}{base, enroller, sender}, nil
	case f.config.Relays && f.config.Reports:
		return &struct {
			*fakeSender
			fakeRelayer
			fakeReporter
		}{sender, fakeRelayer{base}, fakeReporter{}}, nil
	case f.config.Relays:
		return &struct {
			*fakeSender
			fakeRelayer
		}{sender, fakeRelayer{base}}, nil
	case f.config.Reports:
		return &struct {
			*fakeSender
			fakeReporter
		}{sender, fakeReporter{}}, nil
	case f.config.Enrolls:
		return &struct {
			*fakeFactor
			twofactor.Enroller
		}{base, enroller}, nil
	case f.config.Sends:
		return sender, nil
	}
	return base, nil
}

// fakeFactor is an instance.
type fakeFactor struct {
	fake    *Fake
	options *FakeOptions
	env     twofactor.Env
}

type fakeState struct {
	Code string `json:"code"`
}

func (f *fakeFactor) Challenge(_ context.Context, u twofactor.User, bound []twofactor.Enrollment) (twofactor.Challenge, error) {
	for _, need := range f.fake.config.Needs {
		if !need.Has(u) {
			return twofactor.Challenge{}, fmt.Errorf("factortest: user has no %s: %w", need, twofactor.ErrUnusable)
		}
	}
	if f.fake.config.Enrolls && len(bound) == 0 {
		return twofactor.Challenge{}, fmt.Errorf("factortest: user has not enrolled: %w", twofactor.ErrUnusable)
	}
	return f.ask(u, f.options.Greeting)
}

// ask makes a code that the test can look up.
func (f *fakeFactor) ask(u twofactor.User, message string) (twofactor.Challenge, error) {
	digits := make([]byte, f.options.Digits)
	if _, err := io.ReadFull(f.env.Rand, digits); err != nil {
		return twofactor.Challenge{}, fmt.Errorf("factortest: code: %w", err)
	}
	for i := range digits {
		digits[i] = '0' + digits[i]%10
	}
	code := string(digits)
	f.fake.mu.Lock()
	f.fake.codes[u.ID] = code
	f.fake.mu.Unlock()

	state, err := json.Marshal(fakeState{code})
	if err != nil {
		return twofactor.Challenge{}, fmt.Errorf("factortest: state: %w", err)
	}
	c := twofactor.Challenge{
		State:     state,
		ExpiresAt: f.env.Now().Add(5 * time.Minute),
		Prompt: twofactor.Prompt{
			Message: message,
			Fields:  []twofactor.Field{{Name: "code", Label: "Code", Kind: twofactor.KindCode, Required: true, Min: len(code), Max: len(code)}},
		},
	}
	if f.fake.config.Sends {
		c.Prompt.Destination = "f•••"
		c.Outgoing = f.message(u, code, c.ExpiresAt)
	}
	return c, nil
}

func (f *fakeFactor) message(u twofactor.User, code string, until time.Time) *twofactor.Message {
	to := u.ID + "@fake.example"
	switch needs := f.fake.config.Needs; {
	case slices.Contains(needs, twofactor.NeedsPhone):
		to = u.Phone
	case slices.Contains(needs, twofactor.NeedsEmail):
		to = u.Email
	}
	return &twofactor.Message{ID: "fake-" + u.ID, To: to, Masked: "f•••", Subject: "A code", Text: "Code " + code, ExpiresAt: until}
}

func (f *fakeFactor) Verify(_ context.Context, bound []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Result, error) {
	if err := check(c, a); err != nil {
		return twofactor.Result{}, err
	}
	r := twofactor.Result{AMR: slices.Clone(f.fake.config.AMR)}
	if len(bound) > 0 {
		r.Used = bound[0]
		r.Used.State = append(slices.Clone(r.Used.State), '+') // one more use
	}
	return r, nil
}

func check(c twofactor.Challenge, a twofactor.Answer) error {
	var s fakeState
	if json.Unmarshal(c.State, &s) != nil || s.Code == "" {
		return errors.New("factortest: the state cannot be read")
	}
	if subtle.ConstantTimeCompare([]byte(a["code"]), []byte(s.Code)) != 1 {
		return fmt.Errorf("factortest: %w", twofactor.ErrWrongAnswer)
	}
	return nil
}

type fakeEnroller struct{ *fakeFactor }

func (f *fakeEnroller) BeginEnroll(_ context.Context, u twofactor.User, _ []twofactor.Enrollment) (twofactor.Challenge, error) {
	return f.ask(u, "Confirm with the code.")
}

func (f *fakeEnroller) FinishEnroll(_ context.Context, u twofactor.User, _ []twofactor.Enrollment, c twofactor.Challenge, a twofactor.Answer) (twofactor.Enrollment, error) {
	if err := check(c, a); err != nil {
		return twofactor.Enrollment{}, err
	}
	return twofactor.Enrollment{Label: "Fake of " + u.Name, State: twofactor.State("used:"), AMR: slices.Clone(f.fake.config.AMR)}, nil
}

type fakeSender struct{ *fakeFactor }

func (f *fakeSender) Send(ctx context.Context, m twofactor.Message) (twofactor.Receipt, error) {
	if ctx.Err() != nil {
		return twofactor.Receipt{}, &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "send", Code: "timeout"}
	}
	if !m.ExpiresAt.IsZero() && !f.env.Now().Before(m.ExpiresAt) {
		return twofactor.Receipt{}, &twofactor.SendError{Class: twofactor.ErrContent, Stage: "expired"}
	}
	f.fake.mu.Lock()
	defer f.fake.mu.Unlock()
	if len(f.fake.next) > 0 {
		err := f.fake.next[0]
		f.fake.next = f.fake.next[1:]
		return twofactor.Receipt{}, err
	}
	if f.fake.sendErr != nil {
		return twofactor.Receipt{}, f.fake.sendErr
	}
	f.fake.sent = append(f.fake.sent, m)
	return twofactor.Receipt{ProviderID: m.ID, Status: "sent", Segments: 1}, nil
}

// OnFailure is of a twofactor.Chained.
func (f *fakeSender) OnFailure() string { return f.fake.config.OnFailure }

type fakeRelayer struct{ f *fakeFactor }

func (r fakeRelayer) Relay(_ context.Context, u twofactor.User, c twofactor.Challenge) (twofactor.Challenge, error) {
	for _, need := range r.f.fake.config.Needs {
		if !need.Has(u) {
			return twofactor.Challenge{}, fmt.Errorf("factortest: user has no %s: %w", need, twofactor.ErrUnusable)
		}
	}
	var s fakeState
	if json.Unmarshal(c.State, &s) != nil || s.Code == "" {
		return twofactor.Challenge{}, fmt.Errorf("factortest: not the challenge of a fake: %w", twofactor.ErrUnusable)
	}
	c.Prompt.Message, c.Prompt.Destination = r.f.options.Greeting, "f•••"
	c.Outgoing = r.f.message(u, s.Code, c.ExpiresAt)
	return c, nil
}

type fakeReporter struct{}

// signature is the header by which a fake knows its provider.
const signature = "X-Fake-Signature"

// ReportForm is a call of the provider of a Fake, which says how a message fared.
// Class is empty, or that of a failure: "recipient".
func ReportForm(url, providerID, status, class string) (header, form map[string][]string) {
	return map[string][]string{signature: {"signed " + url}}, map[string][]string{"id": {providerID}, "status": {status}, "class": {class}}
}

func (fakeReporter) Report(url string, header, form map[string][]string) (twofactor.Report, error) {
	if got := header[signature]; len(got) != 1 || got[0] != "signed "+url {
		return twofactor.Report{}, fmt.Errorf("factortest: not signed: %w", twofactor.ErrWrongAnswer)
	}
	r := twofactor.Report{ProviderID: form["id"][0], Status: form["status"][0]}
	classes := []error{twofactor.ErrRetry, twofactor.ErrRecipient, twofactor.ErrAccount, twofactor.ErrContent}
	i := slices.IndexFunc(classes, func(class error) bool { return form["class"][0] == twofactor.ClassName(class) })
	if i >= 0 {
		r.Failed = &twofactor.SendError{Class: classes[i], Stage: "report"}
	}
	r.Done = i >= 0 || r.Status == "delivered"
	return r, nil
}
