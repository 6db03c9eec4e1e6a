package factortest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"twofold/twofactor"
)

// Config describes the factor under test.
type Config struct {
	Provider twofactor.Provider
	Env      twofactor.Env      // usually Env(), with Endpoints
	Options  string             // valid options: a JSON object
	Secrets  []string           // values in Options that nobody may ever see
	Invalid  []Invalid          // options that must be refused
	User     twofactor.User     // one who can use the factor
	Unusable []twofactor.User   // those who cannot
	Wrong    []twofactor.Answer // wrong answers, besides the usual ones

	// Answer gives the right answer to a challenge, of signing in or enrolling.
	Answer func(t testing.TB, c twofactor.Challenge) twofactor.Answer
	// AnswerBound is for factors whose answer to a sign-in comes from what is bound: a
	// code of that authenticator. It answers by bound[0], and may move the clock of
	// Env on to where there is a new answer. Enrolling is still up to Answer.
	AnswerBound func(t testing.TB, c twofactor.Challenge, bound []twofactor.Enrollment) twofactor.Answer
	// AnswerResync is for a Resyncer: the right answer for an authenticator that is
	// out of step.
	AnswerResync func(t testing.TB, c twofactor.Challenge, e twofactor.Enrollment) twofactor.Answer
	// OneTime says that no answer counts twice: what was used, in enrolling too, is
	// refused against the State it left.
	OneTime bool
	// Delivery is for factors that send.
	Delivery *Delivery
}

// Invalid is a case of bad options.
type Invalid struct {
	Name, Options string
	Fields        []string // all that must be named, by path: "MailServerConfig.Host"
}

// Delivery is what the suite must know of the service behind a Sender.
type Delivery struct {
	// Delivered fails t unless the service has got m.
	Delivered func(t testing.TB, m twofactor.Message)
	// Hang makes the service silent until Heal.
	Hang, Heal func()
	Failures   []Failure
}

// Failure is a way in which a delivery can fail.
type Failure struct {
	Name    string
	Options string // default Config.Options
	Arrange func() // tells the fake to fail; may be nil
	Want    error  // the class
	Stage   string // of the SendError, if it matters
	Status  int    // likewise
	Code    string // likewise
	After   time.Duration
}

// Env is an environment on the system's clock and randomness.
func Env() twofactor.Env {
	return twofactor.Env{
		Origin:  "https://id.example",
		HTTP:    &http.Client{},
		Guarded: &http.Client{},
		Compose: Compose,
		Now:     time.Now,
		Rand:    rand.Reader,
		Log:     slog.New(slog.DiscardHandler),
	}
}

// Compose is a plain twofactor.Compose: all variables, one a line.
func Compose(_ context.Context, l twofactor.Letter) (twofactor.Message, error) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l.Vars)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(strings.Fields(l.Vars[name]), " "))
	}
	m := twofactor.Message{Text: b.String()}
	if l.Medium == twofactor.ByMail {
		m.Subject, m.HTML = "A "+l.Kind, "<pre>"+html.EscapeString(m.Text)+"</pre>"
	}
	return m, nil
}

// suite is one run.
type suite struct {
	Config
	log *safeBuffer

	mu      sync.Mutex
	private []string // what was shown to its owner only, and states
}

// Run checks one factor. It opens the factor several times, as replicas do.
func Run(t *testing.T, c Config) {
	s := &suite{Config: c, log: &safeBuffer{}}
	s.Env.Log = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Run("provider", s.provider)
	t.Run("options", s.options)
	t.Run("secrets", s.secrets)
	t.Run("challenge", s.challenge)
	t.Run("verify", s.verify)
	t.Run("enroll", s.enroll)
	t.Run("bound", s.bound)
	t.Run("resync", s.resync)
	t.Run("send", s.send)
	t.Run("concurrent", s.concurrent)
	s.mustHide(t, "the log", s.log.String())
	s.mustKeep(t, "the log", s.log.String())
}

func (s *suite) open(t testing.TB) twofactor.Factor {
	t.Helper()
	f, err := s.Provider.Open([]byte(s.Options), s.Env)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return f
}

// begin opens a challenge for a user who has enrolled if need be.
func (s *suite) begin(t testing.TB, f twofactor.Factor, u twofactor.User) (twofactor.Challenge, []twofactor.Enrollment) {
	t.Helper()
	bound := s.bind(t, f, u)
	return s.ask(t, f, u, bound), bound
}

// bind enrols the user with a factor that needs it.
func (s *suite) bind(t testing.TB, f twofactor.Factor, u twofactor.User) []twofactor.Enrollment {
	t.Helper()
	e, ok := f.(twofactor.Enroller)
	if !ok {
		return nil
	}
	return []twofactor.Enrollment{s.add(t, e, u, nil)}
}

// answer is the right one, of the first that is bound where that matters.
func (s *suite) answer(t testing.TB, c twofactor.Challenge, bound []twofactor.Enrollment) twofactor.Answer {
	t.Helper()
	if s.AnswerBound != nil && len(bound) > 0 {
		return s.AnswerBound(t, c, bound)
	}
	return s.Answer(t, c)
}

func (s *suite) mustHide(t testing.TB, where, text string) {
	t.Helper()
	for _, secret := range s.Secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows a secret: %s", where, strings.ReplaceAll(text, secret, "<secret>"))
		}
	}
}

// printed is v as careless code might print it.
func printed(v any) string { return fmt.Sprintf("%v %+v %#v", v, v, v) }

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
