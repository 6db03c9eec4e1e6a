package tenants

import (
	"context"
	"errors"
	"testing"
	"time"

	"twofold/internal/problem"
	"twofold/twofactor"
)

func TestEpoch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		epoch := func() int64 {
			t.Helper()
			p, err := w.Policy(c.ctx, c.question())
			must(t, err)
			return p.Epoch
		}
		last := epoch()
		for _, step := range []struct {
			name   string
			do     func() error
			raises bool
		}{
			{"password", func() error { return w.SetPassword(c.ctx, c.anna, goodPassword, true) }, true},
			{"display name", func() error { c.anna.DisplayName = "Anna B."; _, err := w.PutUser(c.admin, &c.anna); return err }, false},
			{"mail address", func() error { c.anna.Email = "other@example.test"; _, err := w.PutUser(c.admin, &c.anna); return err }, true},
			{"the same again", func() error { _, err := w.PutUser(c.admin, &c.anna); return err }, false},
			{"a proven number", func() error { return w.SetAddress(c.ctx, c.anna.ID, twofactor.NeedsPhone, "+41791112233") }, true},
			{"by hand", func() error { return w.RaiseEpoch(c.ctx, c.anna.ID) }, true},
			{"last factor", func() error { return w.NoteTwoFactor(c.ctx, c.anna.ID, c.letter.ID) }, false},
		} {
			must(t, step.do())
			now := epoch()
			if (now > last) != step.raises {
				t.Errorf("%s: epoch %d after %d", step.name, now, last)
			}
			last = now
		}
		u, err := w.User(c.ctx, c.anna.ID)
		if err != nil || u.Phone != "+41791112233" || !u.PhoneVerified || u.CredentialEpoch != last {
			t.Errorf("%+v, %v", u, err)
		}
	})
}

func TestSetAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		bob := w.user(c, User{Name: "bob", Email: "bob@example.test", EmailVerified: true, Active: true})
		w.user(c, User{Name: "carl@example.test", Active: true})
		for address, code := range map[string]string{
			"bob@example.test": "address_taken", "BOB@example.test": "address_taken", "carl@example.test": "address_taken", "nobody": "invalid", "": "invalid",
		} {
			if err := w.SetAddress(c.ctx, c.anna.ID, twofactor.NeedsEmail, address); problem.From(err).Code != code {
				t.Errorf("%q: %v", address, err)
			}
		}
		must(t, w.SetAddress(c.ctx, bob.ID, twofactor.NeedsEmail, "bob@example.test")) // his own
		must(t, w.SetAddress(c.ctx, c.anna.ID, twofactor.NeedsEmail, " Anna@Example.test "))
		if u, err := w.User(c.ctx, c.anna.ID); err != nil || u.Email != "anna@example.test" || !u.EmailVerified {
			t.Errorf("%+v, %v", u, err)
		}
		must(t, w.SetProveFirst(c.ctx, bob.ID, true))
		if p, err := w.Policy(c.ctx, Question{ClientAppID: c.app.ID, IDPID: c.idp.ID, UserID: bob.ID}); err != nil || !p.ProveFirst {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestMailSender(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		find := func(want string) {
			t.Helper()
			if id, ok, err := w.MailSender(c.ctx); err != nil || ok != (want != "") || id != want {
				t.Errorf("%q, %v, %v; want %q", id, ok, err, want)
			}
		}
		find("") // a letter of the customer's sends nothing
		var ids []string
		for _, v := range []TwoFactor{
			{Name: "a phone call", Type: "call", Active: true}, {Name: "off", Type: "post"}, {Name: "post office", Type: "post", Active: true}, {Name: "young post", Type: "post", Active: true},
		} {
			done[Difference](t)(w.PutTwoFactor(c.admin, &v, goodOptions))
			ids = append(ids, v.ID)
		}
		find(ids[2])
		done[Difference](t)(w.PutAssignment(c.admin, &Assignment{TwoFactorID: ids[3], Level: LevelTenant, TargetID: c.tenant.ID}))
		find(ids[3])
		broken := TwoFactor{Name: "young post", Type: "post", Active: true}
		done[Difference](t)(w.PutTwoFactor(c.admin, &broken, nil))
		find(ids[2])
	})
}

func TestPersonByLogin(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		bob := w.user(c, User{Name: "bob", Email: "bob@example.test", EmailVerified: true, Active: true})
		for login, want := range map[string]string{"bob": bob.ID, "BOB ": bob.ID, "bob@example.test": bob.ID, "nobody": "", "": ""} {
			u, ok, err := w.PersonByLogin(c.ctx, login)
			if err != nil || u.ID != want || ok != (want != "") {
				t.Errorf("%q: %+v, %v, %v", login, u, ok, err)
			}
		}
	})
}

// A sign-in ends at the epoch that its password was checked at, or not at all.
func TestHoldUser(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		must(t, w.SetPassword(c.ctx, c.anna, goodPassword, true))
		login, err := w.CheckPassword(c.ctx, c.anna.Name, goodPassword)
		must(t, err)
		hold := func() error {
			return w.DB.Tx(c.ctx, func(ctx context.Context) error { return w.HoldUser(ctx, c.anna.ID, login.CredentialEpoch) })
		}
		must(t, hold())
		must(t, w.RaiseEpoch(c.ctx, c.anna.ID))
		if err := hold(); !errors.Is(err, ErrChanged) {
			t.Errorf("after a change: %v", err)
		}
		login, err = w.CheckPassword(c.ctx, c.anna.Name, goodPassword)
		must(t, err)
		must(t, hold())
		u, err := w.User(c.ctx, c.anna.ID)
		must(t, err)
		u.Active = false
		_, err = w.PutUser(c.admin, &u)
		must(t, err)
		login.CredentialEpoch = epochOf(t, w, c.ctx, u.ID)
		if err := hold(); !errors.Is(err, ErrChanged) {
			t.Errorf("who may not sign in: %v", err)
		}
	})
}

func epochOf(t *testing.T, w *world, ctx context.Context, userID string) int64 {
	t.Helper()
	u, err := w.User(ctx, userID)
	must(t, err)
	return u.CredentialEpoch
}

// Of one who lets a user in and one who shuts him out at the same moment, the later sees
// what the earlier has done.
func TestHoldUserAgainstChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		before := epochOf(t, w, c.ctx, c.anna.ID)
		held, raised := make(chan struct{}), make(chan error, 1)
		err := w.DB.Tx(c.ctx, func(ctx context.Context) error {
			if err := w.HoldUser(ctx, c.anna.ID, before); err != nil {
				return err
			}
			go func() { close(held); raised <- w.RaiseEpoch(c.ctx, c.anna.ID) }()
			<-held
			select {
			case err := <-raised:
				t.Errorf("changed while he was held: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			return nil
		})
		must(t, err)
		must(t, <-raised)
		if now := epochOf(t, w, c.ctx, c.anna.ID); now != before+1 {
			t.Errorf("epoch %d after %d", now, before)
		}
	})
}
