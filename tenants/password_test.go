package tenants

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"twofold/internal/db"
	"twofold/internal/problem"
)

// peopled is a customer with all kinds of users.
func peopled(w *world) (c *customer, users map[string]User) {
	c = w.customer("acme")
	users = map[string]User{}
	for _, u := range []User{
		{Name: "bob", Email: "bob@acme.example", EmailVerified: true, Active: true},
		{Name: "unproven", Email: "unproven@acme.example", Active: true},
		{Name: "disabled", Email: "disabled@acme.example", EmailVerified: true},
		{Name: "robot", Kind: Machine, Email: "robot@acme.example", EmailVerified: true, Active: true},
		{Name: "twin1", Email: "twin@acme.example", EmailVerified: true, Active: true},
		{Name: "twin2", Email: "twin@acme.example", EmailVerified: true, Active: true},
		{Name: "carol", Email: "bob.two@acme.example", EmailVerified: true, Active: true},
		{Name: "bob.two@acme.example", Active: true}, // a name that is another's mail address
	} {
		users[u.Name] = w.user(c, u)
	}
	return c, users
}

func TestCheckPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, users := peopled(w)
		elsewhere := w.customer("globex")
		w.user(elsewhere, User{Name: "bob", Active: true})
		outsider := User{Name: "outsider", Kind: Person, Active: true}
		done[Difference](t)(w.PutUser(c.admin, &outsider)) // of the subscription, not of the tenant
		done[Difference](t)(w.SetIdentities(c.admin, outsider, []string{c.idp.ID}))
		must(t, w.SetPassword(c.admin, outsider, goodPassword, false))
		unbound := User{Name: "unbound", Kind: Person, Active: true}
		done[Difference](t)(w.PutUser(c.admin, &unbound))
		must(t, w.SetPassword(c.admin, unbound, goodPassword, false))
		done[Difference](t)(w.PutUser(c.admin, &User{Name: "damaged", Kind: Person, Active: true}))
		damaged := w.user(c, User{Name: "damaged", Active: true})
		must(t, w.DB.For(c.admin).Model(&passwordRow{}).Where("user_id = ?", damaged.ID).Update("hash", "$argon2id$v=19$m=99999999,t=1,p=1$x$y").Error)

		for _, tc := range []struct {
			name, login, password string
			want                  string // user name; empty: refused
		}{
			{"by name", "bob", goodPassword, "bob"},
			{"by name, spelled otherwise", " BOB ", goodPassword, "bob"},
			{"by mail address", "bob@acme.example", goodPassword, "bob"},
			{"by mail address, upper case", "Bob@ACME.Example", goodPassword, "bob"},
			{"by a name that is another's mail address", "bob.two@acme.example", goodPassword, "bob.two@acme.example"},
			{"wrong password", "bob", goodPassword + "!", ""},
			{"right password, other case", "bob", strings.ToUpper(goodPassword), ""},
			{"right password, space before", "bob", " " + goodPassword, ""},
			{"empty password", "bob", "", ""},
			{"unknown", "nobody", goodPassword, ""},
			{"unknown mail address", "nobody@acme.example", goodPassword, ""},
			{"empty name", "", goodPassword, ""},
			{"space for a name", "   ", goodPassword, ""},
			{"unproven mail address", "unproven@acme.example", goodPassword, ""},
			{"and by name all the same", "unproven", goodPassword, "unproven"},
			{"mail address of two", "twin@acme.example", goodPassword, ""},
			{"and by name all the same", "twin2", goodPassword, "twin2"},
			{"disabled", "disabled", goodPassword, ""},
			{"disabled, by mail address", "disabled@acme.example", goodPassword, ""},
			{"machine", "robot", goodPassword, ""},
			{"not a member of this tenant", "outsider", goodPassword, ""},
			{"not at this IDP", "unbound", goodPassword, ""},
			{"damaged hash", "damaged", goodPassword, ""},
			{"wildcards", "b%", goodPassword, ""},
			{"the decoy itself", "nobody", w.decoy, ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				before := w.hashes.Load()
				ctx, trips := db.WithCounter(c.ctx)
				got, err := w.CheckPassword(ctx, tc.login, tc.password)
				if got.Name != tc.want || (tc.want == "") != errors.Is(err, ErrWrongPassword) {
					t.Errorf("got %q, %v; want %q", got.Name, err, tc.want)
				}
				if tc.want != "" && (got.ID != users[tc.want].ID || got.IDPID != c.idp.ID) {
					t.Errorf("got %s at %s", got.ID, got.IDPID)
				}
				if n := w.hashes.Load() - before; n != 1 {
					t.Errorf("%d hashes computed", n)
				}
				if tc.want == "" && trips.Count() != 1 {
					t.Errorf("%d round trips for one that is refused, want 1 for all", trips.Count())
				}
			})
		}
		if _, err := w.CheckPassword(elsewhere.ctx, "carol", goodPassword); !errors.Is(err, ErrWrongPassword) {
			t.Errorf("another customer's user signs in: %v", err)
		}
		if _, err := w.CheckPassword(t.Context(), "bob", goodPassword); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("without a tenant: %v", err)
		}
	})
}

func TestCheckPasswordRefusesBeforeItWorks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, _ := peopled(w)
		long := strings.Repeat("x", MaxPasswordBytes+1)
		before := w.hashes.Load()
		ctx, trips := db.WithCounter(c.ctx)
		for name, in := range map[string][3]string{
			"long password":    {"bob", long, "too_long"},
			"long name":        {long, "x", "too_long"},
			"password no text": {"bob", "\xff\xfe", "not_text"},
			"name no text":     {"bob\xff", "x", "not_text"},
		} {
			_, err := w.CheckPassword(ctx, in[0], in[1])
			if p := problem.From(err); p.Kind != problem.Invalid || p.Code != in[2] {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := w.hashes.Load() - before; n != 0 || trips.Count() != 0 {
			t.Errorf("%d hashes, %d round trips", n, trips.Count())
		}
		_, err := w.CheckPassword(c.ctx, "bob", long[1:])
		if !errors.Is(err, ErrWrongPassword) {
			t.Errorf("the longest that is allowed: %v", err)
		}
	})
}

func TestCheckPasswordAsksTheTenantsOwnIDPs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, users := peopled(w)
		second := IDP{Name: "another", Type: IDPLocal, Active: true}
		done[Difference](t)(w.PutIDP(c.admin, &second))
		try := func() error { _, err := w.CheckPassword(c.ctx, "bob", goodPassword); return err }
		must(t, try())
		c.idp.Active = false
		done[Difference](t)(w.PutIDP(c.admin, &c.idp))
		if err := try(); !errors.Is(err, ErrWrongPassword) {
			t.Errorf("at an inactive IDP: %v", err)
		}
		done[Difference](t)(w.SetIdentities(c.admin, users["bob"], []string{c.idp.ID, second.ID}))
		if err := try(); !errors.Is(err, ErrWrongPassword) {
			t.Errorf("at an IDP that the tenant does not have: %v", err)
		}
		done[Difference](t)(w.SetTenantIDPs(c.admin, c.tenant.ID, []string{c.idp.ID, second.ID}))
		got, err := w.CheckPassword(c.ctx, "bob", goodPassword)
		if err != nil || got.IDPID != second.ID {
			t.Errorf("at the second: %v, %v", got.IDPID, err)
		}
		c.idp.Active = true
		done[Difference](t)(w.PutIDP(c.admin, &c.idp))
		got, err = w.CheckPassword(c.ctx, "bob@acme.example", goodPassword)
		if err != nil || got.IDPID != second.ID { // "another" comes before "local"
			t.Errorf("at both: %v, %v", got.IDPID, err)
		}
	})
}

func TestOldHashIsRenewed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, users := peopled(w)
		hash := func() string {
			var p passwordRow
			must(t, w.DB.For(c.admin).Where("user_id = ?", users["bob"].ID).Take(&p).Error)
			return p.Hash
		}
		old := hash()
		w.hasher.params = argonParams{memory: 16, time: 1, threads: 1}
		if _, err := w.CheckPassword(c.ctx, "bob", "wrong"); !errors.Is(err, ErrWrongPassword) || hash() != old {
			t.Errorf("by a wrong password: %v", err)
		}
		for i, want := range []int64{2, 1} {
			before := w.hashes.Load()
			done[Login](t)(w.CheckPassword(c.ctx, "bob", goodPassword))
			if n := w.hashes.Load() - before; n != want {
				t.Errorf("sign-in %d: %d hashes, want %d", i+1, n, want)
			}
		}
		if h := hash(); h == old || !strings.HasPrefix(h, "$argon2id$v=19$m=16,t=1,p=1$") {
			t.Errorf("hash is %s", h)
		}
		// Another replica may be on other parameters, and a broken write is no reason
		// to turn anybody away.
		w.hasher.params = argonParams{memory: 8, time: 2, threads: 1}
		old = hash()
		w.Rand = strings.NewReader("")
		done[Login](t)(w.CheckPassword(c.ctx, "bob", goodPassword))
		if hash() != old || !w.logs.Contains("password hash not renewed") {
			t.Error("a failed renewal")
		}
	})
}

func TestBusy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, _ := peopled(w)
		w.Gate = newGate(1, 0, time.Minute)
		holding, release, held := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() { held <- w.Gate.Do(t.Context(), func() { close(holding); <-release }) }()
		<-holding
		for _, login := range []string{"bob", "nobody"} {
			_, err := w.CheckPassword(c.ctx, login, goodPassword)
			checkBusy(t, login, err)
		}
		checkBusy(t, "SetPassword", w.SetPassword(c.admin, c.anna, goodPassword, false))
		close(release)
		must(t, <-held)
		if _, err := w.CheckPassword(cancelled(c.ctx), "bob", goodPassword); err == nil {
			t.Error("signed in although the browser has gone")
		}
	})
}

func cancelled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

func TestSetPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, users := peopled(w)
		for name, tc := range map[string]struct {
			user     User
			password string
			mfa      bool
			code     string
		}{
			"good": {users["bob"], "quite-another-one-61", false, ""},

			"short, with MFA":   {users["twin1"], "twelve-chars", true, ""},
			"short, alone":      {users["twin2"], "twelve-chars", false, "password_short"},
			"own name":          {users["unproven"], "Unproven-2026!!", false, "password_own"},
			"tenant's title":    {users["bob"], "staff of acme 1", false, "password_own"},
			"the product":       {users["bob"], "Twofold-2026-!!!", false, "password_own"},
			"of a machine":      {users["robot"], goodPassword, false, "machine"},
			"of a foreign user": {User{ID: "nobody", Kind: Person}, goodPassword, false, "user_unknown"},
		} {
			err := w.SetPassword(c.ctx, tc.user, tc.password, tc.mfa)
			if tc.code == "" && err != nil || tc.code != "" && problem.From(err).Code != tc.code {
				t.Errorf("%s: %v", name, err)
			}
			if strings.HasPrefix(tc.code, "password_") && (len(problem.From(err).Fields) != 1 || strings.Contains(err.Error(), tc.password)) {
				t.Errorf("%s: %v", name, err)
			}
			fits, err := w.PasswordFits(c.admin, tc.user.ID, tc.password)
			if fits != (tc.code == "") || err != nil {
				t.Errorf("%s: fits %v, %v", name, fits, err)
			}
		}
		var all []passwordRow
		must(t, w.DB.For(c.admin).Find(&all).Error)
		for _, p := range all {
			if strings.Contains(p.Hash, goodPassword) {
				t.Error("a password is kept in clear")
			}
		}
	})
}

// The real hasher, once, since the others are cheap.
func TestCheckPasswordForReal(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		w.hasher = newHasher()
		w.hasher.derive = argon2.IDKey
		w.user(c, User{Name: "bob", Active: true})
		done[Login](t)(w.CheckPassword(c.ctx, "bob", goodPassword))
	})
}
