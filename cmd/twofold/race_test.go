package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"twofold/internal/testkit"
)

// open brings anna to the code page and returns the page and the code sent.
func openCode(t *testing.T, w *world, p *rp, c *testkit.Client, name string) (*testkit.Page, string) {
	t.Helper()
	page := p.signIn(c, name).Follow()
	return page, w.code(name + "@example.test")
}

func mailWorld(t *testing.T, url string, users ...string) *world {
	w := newWorld(t, url)
	w.tenant("acme", users...)
	w.factor("mail", "email")
	w.assign("mail", "tenant acme", true)
	return w
}

// raw posts a form with a client's cookies, from many goroutines at once.
func raw(c *testkit.Client, page *testkit.Page, values url.Values) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodPost, page.Forms[0].Action.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, k := range c.Cookies(page.URL.String()) {
		req.AddCookie(k)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return resp, err
}

func answer(page *testkit.Page, code string) url.Values {
	v := page.Forms[0].Values()
	v.Set("code", code)
	v.Set("do", "answer")
	return v
}

// count counts rows through plain SQL: tests may look where code may not.
func (w *world) count(table, where string) (n int) {
	w.t.Helper()
	if err := w.db.SQL().QueryRow("SELECT count(*) FROM " + table + " WHERE " + where).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestOneRightCodeManyTimes: M23, 64 × the same right code make one session.
func TestOneRightCodeManyTimes(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := mailWorld(t, url, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page, code := openCode(t, w, p, c, "anna")
		var codes atomic.Int32
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				resp, err := raw(c, page, answer(page, code))
				if err != nil {
					t.Error(err)
					return
				}
				if strings.HasPrefix(resp.Header.Get("Location"), redirectURI) {
					codes.Add(1)
				}
				if resp.StatusCode >= 500 {
					t.Errorf("status %d", resp.StatusCode)
				}
			})
		}
		wg.Wait()
		if codes.Load() != 1 || w.count("sessions", "1=1") != 1 || w.count("auth_codes", "1=1") != 1 {
			t.Errorf("%d answers with a code, %d sessions, %d codes", codes.Load(), w.count("sessions", "1=1"), w.count("auth_codes", "1=1"))
		}
	})
}

// TestManyWrongGuesses: M25, 100 guesses at once are judged at most 5 times.
func TestManyWrongGuesses(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := mailWorld(t, url, "anna")
		p, c := w.rp("acme", "expenses"), testkit.NewClient(t)
		page, code := openCode(t, w, p, c, "anna")
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				guess := "99" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + "00"
				if guess == code {
					return
				}
				if resp, err := raw(c, page, answer(page, guess)); err != nil || strings.HasPrefix(resp.Header.Get("Location"), redirectURI) {
					t.Errorf("guess let in: %v", err)
				}
			})
		}
		wg.Wait()
		if n := w.count("audit_events", "kind = 'factor.wrong'"); n == 0 || n > 5 {
			t.Errorf("%d guesses were judged", n)
		}
		// The right code is worth nothing any more.
		if got := page.Forms[0].Set("code", code).Submit(); strings.HasPrefix(got.Header.Get("Location"), redirectURI) {
			t.Error("a dead challenge let in")
		}
	})
}

// TestForeignCodes: M14, M15, M41–M44: a used code, one of an older sign-in, of
// another user or of another tenant is refused.
func TestForeignCodes(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := mailWorld(t, url, "anna", "bruno")
		w.tenant("globex", "carla")
		w.must(w.tenants.SetTenantMembers(w.ctx(), w.ids["tenant globex"], []string{w.ids["user anna"], w.ids["user carla"]}))
		w.assign("mail", "tenant globex", true)
		p := w.rp("acme", "expenses")

		old, olderCode := openCode(t, w, p, testkit.NewClient(t), "anna")
		cAnna := testkit.NewClient(t)
		anna := p.signIn(cAnna, "anna").Follow()
		annaCode := w.newCode("anna@example.test", olderCode)
		cBruno := testkit.NewClient(t)
		bruno, brunoCode := openCode(t, w, p, cBruno, "bruno")
		other := w.rp("globex", "expenses").signIn(testkit.NewClient(t), "anna").Follow()
		otherCode := w.newCode("anna@example.test", olderCode, annaCode)

		refused := func(what string, page *testkit.Page, values url_) {
			t.Helper()
			got, own := page.Forms[0], page.Forms[0].Value("challenge")
			for k, v := range values {
				got = got.Forge(k, v)
			}
			res := got.Submit()
			got.Forge("challenge", own)
			if strings.HasPrefix(res.Header.Get("Location"), redirectURI) {
				t.Errorf("%s was let in", what)
			}
		}
		refused("an older sign-in's code", anna, url_{"code": olderCode})
		refused("another user's code", anna, url_{"code": brunoCode})
		refused("another tenant's code", anna, url_{"code": otherCode})
		refused("a code with its own challenge of another user", anna, url_{"code": brunoCode, "challenge": bruno.Forms[0].Value("challenge")})
		refused("a code with its own challenge of another tenant", bruno, url_{"code": otherCode, "challenge": other.Forms[0].Value("challenge")})

		// And the rightful ones still work, once.
		page := old.Forms[0].Set("code", olderCode).Submit()
		p.callback(page)
		if again := old.Forms[0].Set("code", olderCode).Submit(); strings.HasPrefix(again.Header.Get("Location"), redirectURI) {
			t.Error("a used code was let in")
		}
		p.callback(bruno.Forms[0].Set("code", brunoCode).Submit())
	})
}

type url_ = map[string]string

// TestOneCodeManyExchanges: 50 parallel exchanges of one code give one token set.
func TestOneCodeManyExchanges(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		p := w.rp("acme", "expenses")
		code := p.callback(p.signIn(testkit.NewClient(t), "anna")).Get("code")
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				switch tok := p.exchange(code); {
				case tok.Status == http.StatusOK:
					won.Add(1)
				case tok.Error != "invalid_grant":
					t.Errorf("%+v", tok)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d token sets", won.Load())
		}
	})
}

// TestParallelRightSignIns: the counters never refuse honest sign-ins of one user
// at the same moment (SECURITY §3, row 77).
func TestParallelRightSignIns(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.tenant("acme", "anna")
		w.factor("mail", "email")
		w.assign("mail", "tenant acme", true)
		p := w.rp("acme", "expenses")
		type open struct {
			c    *testkit.Client
			page *testkit.Page
			code string
		}
		var all []open
		var seen []string
		for i := range 3 { // N10 allows three messages to one address at once
			c := testkit.NewClient(t)
			page := p.signIn(c, "anna").Follow()
			code := w.newCode("anna@example.test", seen...)
			seen = append(seen, code)
			all = append(all, open{c, page, code})
			_ = i
		}
		var in atomic.Int32
		var wg sync.WaitGroup
		for _, o := range all {
			wg.Go(func() {
				if resp, err := raw(o.c, o.page, answer(o.page, o.code)); err == nil && strings.HasPrefix(resp.Header.Get("Location"), redirectURI) {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 3 {
			t.Errorf("%d of 3 got in", in.Load())
		}
	})
}
