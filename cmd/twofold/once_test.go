package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/internal/fakes"
	"twofold/internal/testkit"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
)

// storm sends these posts 64 times at once, to all replicas in turn, and returns how
// often each status came. An answer that leads back to the app counts as backToApp.
func (w *chainWorld) storm(posts ...oncePost) map[int]int {
	w.t.Helper()
	got := map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for n := range 64 {
		p := posts[n%len(posts)]
		target := *p.page.URL
		target.Host = w.others[n/len(posts)%len(w.others)].addr
		wg.Go(func() {
			<-begin
			status, err := p.send(w.t, target.String())
			if err != nil {
				w.t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[status]++
		})
	}
	close(begin)
	wg.Wait()
	for status, n := range got {
		if status >= 500 && status != http.StatusServiceUnavailable {
			w.t.Errorf("%d answers with status %d", n, status)
		}
	}
	return got
}

// oncePost is a form as one browser would send it.
type oncePost struct {
	c      *testkit.Client
	page   *testkit.Page
	values url.Values
}

const backToApp = 1

func (p oncePost) send(t testing.TB, target string) (int, error) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(p.values.Encode()))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, k := range p.c.Cookies(p.page.URL.String()) {
		req.AddCookie(k)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Location"), redirectURI) {
		return backToApp, nil
	}
	return resp.StatusCode, nil
}

// with are the values of the page's first form, and these.
func (p oncePost) with(pairs ...string) oncePost {
	p.values = p.page.Forms[0].Values()
	for i := 0; i < len(pairs); i += 2 {
		p.values.Set(pairs[i], pairs[i+1])
	}
	return p
}

// bind sets something up for a user, and returns what he has to keep.
func (w *chainWorld) bind(user, factor string, answer func(ceremony.View) twofactor.Answer) []string {
	w.t.Helper()
	ctx, id := w.in("acme"), w.ids["user "+user]
	ch, err := w.ceremony.Begin(ctx, ceremony.Start{
		Purpose: ceremony.Enroll, SignInID: "set-up-" + user, TwoFactorID: w.ids["two_factor "+factor], User: twofactor.User{ID: id, Name: user, Realm: "Acme"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	view, err := w.ceremony.Show(ctx, ch, "set-up-"+user)
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.ceremony.Finish(ctx, ceremony.Give{
		Purpose: ceremony.Enroll, ChallengeID: ch, SignInID: "set-up-" + user, UserID: id, Answer: answer(view),
	}, func(context.Context, ceremony.Passed) error { return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return view.Prompt.Keep
}

// onceTOTP is what an authenticator app with this key shows (RFC 6238).
func onceTOTP(t testing.TB, key string, at time.Time) string {
	t.Helper()
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(strings.ToUpper(key), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, raw)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

// opened begins sign-ins of a user in browsers of their own, up to the second factor.
func (w *chainWorld) opened(user string, n int) (out []oncePost) {
	w.t.Helper()
	for range n {
		c := testkit.NewClient(w.t)
		out = append(out, oncePost{c: c, page: w.rp("acme", "expenses").signIn(c, user).Follow().Require(http.StatusOK)})
	}
	return out
}

// TestOnce: whatever counts once counts once, over 64 submits at the same moment, all
// sign-ins of a user and all replicas.
func TestOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url      func(testing.TB) string
		replicas int
	}{"sqlite": {testkit.SQLite, 1}, "postgres, two replicas": {testkit.Postgres, 2}} {
		t.Run(name, func(t *testing.T) {
			w := newChainWorld(t, c.url(t), c.replicas)
			honest := make([]string, 20)
			for n := range honest {
				honest[n] = fmt.Sprintf("user%d", n)
			}
			w.tenant("acme", append([]string{"tina", "rita", "bea", "hugo", "mia", "rolf", "lena"}, honest...)...)
			w.factor("Mail", "email")
			w.factorWith("App", "totp", true, map[string]any{})
			w.factorWith("Linked", "totp", true, map[string]any{"EnrollBy": "email-link"})
			w.factorWith("Codes", "recovery", true, map[string]any{})
			w.hooked("Hook", "decide", "")
			for _, a := range [][2]string{{"App", "tina"}, {"App", "rita"}, {"Codes", "rita"}, {"App", "bea"}, {"Hook", "hugo"}, {"Mail", "mia"}, {"Linked", "lena"}} {
				w.assign(a[0], "user "+a[1], true)
			}
			for _, user := range honest {
				w.assign("Mail", "user "+user, true)
			}
			for what, once := range map[string]func(*testing.T, *chainWorld) map[int]int{
				"TOTP step": onceStep, "recovery code": onceRecovery, "bypass": onceBypass, "decision": onceDecision, "mail code": onceMail,
			} {
				t.Run(what, func(t *testing.T) {
					before := w.count("sessions", "1=1")
					if got := once(t, w); got[backToApp] != 1 || w.count("sessions", "1=1") != before+1 {
						t.Errorf("%v, %d sessions more", got, w.count("sessions", "1=1")-before)
					}
				})
			}
			t.Run("reset link", func(t *testing.T) { onceReset(t, w) })
			t.Run("enrol link", func(t *testing.T) { onceEnrolLink(t, w) })
			t.Run("twenty honest", func(t *testing.T) { onceHonest(t, w, honest) })
		})
	}
}

// appOf sets up an authenticator app, and returns its key.
func (w *chainWorld) appOf(user string) string {
	w.t.Helper()
	keep := w.bind(user, "App", func(v ceremony.View) twofactor.Answer {
		return twofactor.Answer{"code": onceTOTP(w.t, v.Prompt.Keep[0], w.clock.Now()), "saved": "true"}
	})
	w.clock.Advance(30 * time.Second) // that code counts as used
	return keep[0]
}

func onceStep(t *testing.T, w *chainWorld) map[int]int {
	key := w.appOf("tina")
	posts := w.opened("tina", 2)
	code := onceTOTP(t, key, w.clock.Now())
	for i := range posts {
		posts[i] = posts[i].with("do", "answer", "code", code)
	}
	return w.storm(posts...)
}

func onceRecovery(_ *testing.T, w *chainWorld) map[int]int {
	w.appOf("rita") // what the codes stand in for
	codes := w.bind("rita", "Codes", func(ceremony.View) twofactor.Answer { return twofactor.Answer{"saved": "true"} })
	posts := w.opened("rita", 2)
	for i, p := range posts {
		p.page = p.page.Press("Use another method").Follow().Press(w.ids["two_factor Codes"]).Follow()
		posts[i] = p.with("do", "answer", "code", codes[2])
	}
	return w.storm(posts...)
}

func onceBypass(t *testing.T, w *chainWorld) map[int]int {
	w.appOf("bea")
	code, _, err := w.ceremony.IssueBypass(w.in("acme"), w.ids["user bea"])
	if err != nil {
		t.Fatal(err)
	}
	posts := w.opened("bea", 2)
	for i, p := range posts {
		posts[i] = p.with("do", "bypass", "bypass", code)
	}
	return w.storm(posts...)
}

func onceDecision(_ *testing.T, w *chainWorld) map[int]int {
	p := w.opened("hugo", 1)[0]
	return w.storm(p.with("do", "answer", "code", w.hook.Code(w.reference())))
}

func onceMail(_ *testing.T, w *chainWorld) map[int]int {
	p := w.opened("mia", 1)[0]
	return w.storm(p.with("do", "answer", "code", w.code("mia@example.test")))
}

var onceLinks = regexp.MustCompile(`https?://\S+[?&]link=\S+`)

// mailedLink waits for a link mailed to an address.
func (w *chainWorld) mailedLink(to string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	m, err := w.inbox.Wait(ctx, func(m fakes.Message) bool { return m.To == to && onceLinks.MatchString(m.Text) })
	if err != nil {
		w.t.Fatalf("no link to %s: %v", to, err)
	}
	return onceLinks.FindString(m.Text)
}

func onceReset(t *testing.T, w *chainWorld) {
	c := testkit.NewClient(t)
	c.Get(w.url+"/t/acme/reset").FormWith("username").Set("username", "rolf").Submit().Follow()
	page := c.Get(w.mailedLink("rolf@example.test")).Require(http.StatusOK)
	got := w.storm(oncePost{c: c, page: page}.with("password", "a brand new phrase nobody knows"))
	if got[http.StatusOK] != 1 || len(w.trail("password.reset")) != 1 {
		t.Errorf("%v, %d resets", got, len(w.trail("password.reset")))
	}
}

func onceEnrolLink(t *testing.T, w *chainWorld) {
	p := w.opened("lena", 1)[0]
	p.page = p.c.Get(w.mailedLink("lena@example.test")).Require(http.StatusOK)
	const where = "purpose = 'enroll' AND closed_at IS NULL"
	before := w.count("challenges", where)
	link := p.page.URL.Query().Get("link")
	p.page.URL.RawQuery = ""
	got := w.storm(p.with("do", "link", "link", link))
	if got[http.StatusSeeOther] != 1 || w.count("challenges", where) != before+1 {
		t.Errorf("%v, %d begun", got, w.count("challenges", where)-before)
	}
}

// onceHonest: SECURITY §3 row 77, twenty who sign in at the same moment all get in.
func onceHonest(t *testing.T, w *chainWorld, users []string) {
	before := w.count("sessions", "1=1")
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for n, user := range users {
		c, p := testkit.NewClient(t), w.rp("acme", "expenses")
		wg.Go(func() {
			<-begin
			page := p.signIn(c, user).Follow()
			for n := 0; n < 8 && page.Status == http.StatusServiceUnavailable; n++ {
				page = p.signIn(c, user).Follow() // a busy machine hashes no faster, and says so
			}
			if page.Status != http.StatusOK {
				t.Errorf("%s: %d %s", user, page.Status, page.Text)
				return
			}
			target := *page.URL
			target.Host = w.others[n%len(w.others)].addr
			status, err := oncePost{c: c, page: page}.with("do", "answer", "code", w.code(user+"@example.test")).send(t, target.String())
			if err != nil || status != backToApp {
				t.Errorf("%s: %d, %v", user, status, err)
			}
		})
	}
	close(begin)
	wg.Wait()
	if n := w.count("sessions", "1=1") - before; n != len(users) {
		t.Errorf("%d sessions", n)
	}
}
