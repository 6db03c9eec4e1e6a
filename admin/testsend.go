package admin

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/limits"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
)

// Tested is how far a test send came (SPEC §3.3).
type Tested struct {
	Sends    bool             // false: this kind has nothing to send, so that it opened is the test
	Passed   bool             //
	To       string           // the administrator's own address, as he knows it
	Stage    string           // where it failed: "connect", "auth", …
	Status   int              // the protocol's status; 0: none
	Code     string           // the provider's own code, or what it said when it took the message
	Class    string           // retry, recipient, account or content
	Help     string           // one sentence: what to do
	Provider string           // the provider's message id
	At       time.Time        //
	State    tenants.State    // how the instance fares now
	Medium   twofactor.Medium // how the message travels
}

// testTimeout bounds a test: somebody waits for its page.
const testTimeout = 20 * time.Second

// How often a test may go to one address, and how often one administrator and all of a
// subscription may test (SECURITY N10, N11, M76).
var (
	perAddress  = limits.Limit{Burst: 3, Per: 10 * time.Minute}
	perMailDay  = limits.Limit{Burst: 20, Per: 24 * time.Hour}
	perPhoneDay = limits.Limit{Burst: 10, Per: 24 * time.Hour}
	perTester   = limits.Limit{Burst: 20, Per: time.Hour}
	perHouse    = limits.Limit{Burst: 60, Per: time.Hour}
)

var (
	errNoTester = problem.New(problem.Conflict, "no_address", "A test goes to the administrator's own proven address, and programs have none. Sign in to the administration and test there.")
	errNoMail   = problem.New(problem.Conflict, "no_address", "A test goes to your own mail address, and you have proven none. Prove one on your account page, then test again.")
	errNoPhone  = problem.New(problem.Conflict, "no_address", "A test goes to your own phone number, and you have proven none. Prove one on your account page, then test again.")
	errNeither  = problem.New(problem.Conflict, "no_address", "A test goes to your own mail address or phone number, and you have proven neither. Prove one on your account page, then test again.")
	errOff      = problem.New(problem.Conflict, "two_factor_inactive", "It is switched off. Switch it on first: nobody is offered it before it is assigned.")
)

// TestSend sends a fixed text, without any code, to the administrator's own proven
// address: never to another one. It waits for the answer, whatever the outbox thinks of
// the provider, and notes it with the instance, so that its state is true.
func (a *Admin) TestSend(ctx context.Context, w Who, subscription, twoFactorID string) (Tested, error) {
	v, err := a.TwoFactors().Get(ctx, w, subscription, twoFactorID)
	if err != nil {
		return Tested{}, err
	}
	if !w.May(TwoFactorTest, db.Scope{Subscription: subscription}) {
		return Tested{}, errMayNot // who runs a tenant sees that it is there
	}
	in := a.scope(ctx, subscription)
	inst, err := a.opened(in, v)
	if err != nil {
		return Tested{}, err
	}
	sender, ok := inst.Factor.(twofactor.Sender)
	if !ok {
		state, err := a.Tenants.StateOf(in, v.ID)
		return Tested{Passed: true, At: a.Now(), State: state}, err
	}
	m, t, err := a.testMessage(ctx, w, inst)
	if err != nil {
		return Tested{}, err
	}
	if err := a.mayTest(ctx, w, subscription, t); err != nil {
		return Tested{}, err
	}
	receipt, sendErr := a.trySend(in, sender, m)
	err = a.tested(in, w, v, &t, receipt, sendErr)
	return t, err
}

// opened opens an instance, or says in words why it cannot be tested.
func (a *Admin) opened(ctx context.Context, v tenants.TwoFactor) (twofactor.Instance, error) {
	if !v.Active {
		return twofactor.Instance{}, errOff
	}
	inst, err := a.Tenants.Open(ctx, v.ID)
	var bad *tenants.InvalidError
	if errors.As(err, &bad) {
		return inst, problem.Wrap(problem.Conflict, "two_factor_invalid", "It cannot be tested, because it is invalid: "+bad.Reason, err)
	}
	return inst, err
}

// testMessage addresses the fixed text to whoever asks.
func (a *Admin) testMessage(ctx context.Context, w Who, inst twofactor.Instance) (twofactor.Message, Tested, error) {
	t := Tested{Sends: true, At: a.Now()}
	if w.Kind != tenants.SubjectUser {
		return twofactor.Message{}, t, errNoTester
	}
	u, err := a.Tenants.User(db.WithScope(ctx, w.Home), w.ID)
	if err != nil {
		return twofactor.Message{}, t, err
	}
	mail, phone := needs(inst.Info, twofactor.NeedsEmail), needs(inst.Info, twofactor.NeedsPhone)
	either := !mail && !phone // it finds people by itself: any address of his will do
	switch own := u.Factor(""); {
	case (mail || either) && own.Email != "":
		t.To, t.Medium = own.Email, twofactor.ByMail
	case (phone || either) && own.Phone != "":
		t.To, t.Medium = own.Phone, twofactor.BySMS
	case mail:
		return twofactor.Message{}, t, errNoMail
	case phone:
		return twofactor.Message{}, t, errNoPhone
	default:
		return twofactor.Message{}, t, errNeither
	}
	return twofactor.Message{
		ID: id.New(), To: t.To, Masked: masked(t.To), Subject: "Test message", ExpiresAt: a.Now().Add(2 * testTimeout),
		Text: "This is a test message from Twofold. It carries no code, and there is nothing to do.",
	}, t, nil
}

func needs(info twofactor.Info, n twofactor.Attribute) bool { return slices.Contains(info.Needs, n) }

// masked is an address as logs may show it.
func masked(to string) string {
	if shown := Masked(to); shown != to || len(to) < 4 {
		return shown
	}
	return "•••" + to[len(to)-2:]
}

// mayTest holds an administrator to a few tests.
func (a *Admin) mayTest(ctx context.Context, w Who, subscription string, t Tested) error {
	perDay := perMailDay
	if t.Medium == twofactor.BySMS {
		perDay = perPhoneDay
	}
	for _, b := range []struct {
		limit limits.Limit
		key   []string
	}{
		{perAddress, []string{"test.to", t.To}},
		{perDay, []string{"test.to.day", t.To}},
		{perTester, []string{"test.by", w.ID}},
		{perHouse, []string{"test.in", subscription}},
	} {
		ok, after, err := a.Limits.Take(ctx, b.limit, b.key...)
		if err != nil {
			return err
		}
		if !ok {
			return problem.Busy(problem.TooMany, "too_many_tests", "That were many tests in a short time. Wait a little before the next.", after)
		}
	}
	return nil
}

// trySend calls the sender once, whatever it does.
func (a *Admin) trySend(ctx context.Context, sender twofactor.Sender, m twofactor.Message) (receipt twofactor.Receipt, err error) {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // only its type: its value may hold a secret
			a.Log.ErrorContext(ctx, "sender panicked in a test", "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = &twofactor.SendError{Class: twofactor.ErrRetry, Stage: "panic", Help: "This is a fault in the factor: see the log."}
		}
	}()
	return sender.Send(ctx, m)
}

// tested notes with the instance and in the trail how a test went. What was changed
// meanwhile has not been tested.
func (a *Admin) tested(ctx context.Context, w Who, v tenants.TwoFactor, t *Tested, r twofactor.Receipt, sendErr error) error {
	failure := t.read(r, sendErr)
	return a.DB.Tx(ctx, func(ctx context.Context) error {
		now, err := a.Tenants.TwoFactors().Get(ctx, v.ID)
		if err != nil {
			return err
		}
		// One bad address says nothing about the instance.
		if now.Version == v.Version && !errors.Is(sendErr, twofactor.ErrRecipient) {
			if err := a.Tenants.NoteDelivery(ctx, v.ID, failure); err != nil {
				return err
			}
		}
		if t.State, err = a.Tenants.StateOf(ctx, v.ID); err != nil {
			return err
		}
		if err := a.logTest(ctx, w, v.ID, *t, r, sendErr); err != nil {
			return err
		}
		return a.Audit.Record(ctx, audit.Event{Kind: "two_factor.tested", Actor: w.ID}, map[string]any{
			"two_factor": v.ID, "name": v.Name, "to": masked(t.To), "passed": t.Passed, "stage": t.Stage, "status": t.Status, "code": t.Code, "class": t.Class,
		})
	})
}

// logTest enters a test in the delivery log, so that it tells of all that an instance has
// sent. A line of it is a tenant's: that of the administrator, or if he is of another
// subscription, the oldest one. Where there is none the trail alone tells of it.
func (a *Admin) logTest(ctx context.Context, w Who, twoFactorID string, t Tested, r twofactor.Receipt, sendErr error) error {
	in := w.Home
	if sub := db.ScopeOf(ctx).Subscription; in.Subscription != sub {
		all, err := a.Tenants.Tenants().Page(ctx, page.Query{Sort: "created", Limit: 1}, nil)
		if err != nil || len(all.Items) == 0 {
			return err
		}
		in = db.Scope{Subscription: sub, Tenant: all.Items[0].ID}
	}
	return a.Outbox.NoteTest(db.WithScope(ctx, in), delivery.Tested{
		TwoFactorID: twoFactorID, UserID: w.ID, Masked: masked(t.To), Medium: t.Medium, Began: t.At, Receipt: r, Err: sendErr,
	})
}

// read takes over what the sender said, and returns what is noted of a failure. Of an
// error that is not classified nothing is shown: it may hold anything.
func (t *Tested) read(r twofactor.Receipt, err error) (failure string) {
	if err == nil {
		t.Passed, t.Provider, t.Code = true, r.ProviderID, r.Status
		return ""
	}
	t.Class = twofactor.ClassName(err)
	var se *twofactor.SendError
	if !errors.As(err, &se) {
		t.Stage, t.Help = "send", "The factor did not say why. The log of the server may."
		return "twofactor: send: " + t.Class + ", not classified by the factor"
	}
	t.Stage, t.Status, t.Code, t.Help = se.Stage, se.Status, se.Code, se.Help
	return se.Error()
}
