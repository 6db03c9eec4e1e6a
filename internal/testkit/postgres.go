package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"twofold/internal/testkit/need"
	"twofold/internal/testkit/pgcluster"
)

// A name is twofold_test_SECONDS_RANDOM: it says when the database was made.
const namePrefix = "twofold_test_"

// leftoverAge is when a database of a killed run may go. No run takes so long.
const leftoverAge = 6 * time.Hour

// server is the PostgreSQL server in use.
type server struct {
	adminURL string
	own      *pgcluster.Cluster // nil if the server was there before us
}

type postgresTemplate struct {
	server   once[server]
	template once[string]
	// CREATE DATABASE fails while another copies the same template in the same
	// moment, so copies are made one after the other.
	copying sync.Mutex
}

// Postgres returns the URL of a fresh, migrated PostgreSQL database, see the
// function of this name. The server is the one of TWOFOLD_TEST_POSTGRES (a
// superuser's URL) or one of our own, started once.
func (k *Kit) Postgres(t testing.TB) string {
	t.Helper()
	srv, err := k.postgres.server.get(findServer)
	if errors.Is(err, pgcluster.ErrNotInstalled) {
		need.Missing(t, "PostgreSQL", pgcluster.Install, err)
	}
	if err != nil {
		t.Fatalf("testkit: PostgreSQL: %v", err)
	}
	template, err := k.postgres.template.get(func() (string, error) { return k.makePostgres(srv) })
	if err != nil {
		t.Fatalf("testkit: PostgreSQL template: %v", err)
	}
	name := newName()
	if err := k.postgres.copy(t.Context(), srv, template, name); err != nil {
		t.Fatalf("testkit: PostgreSQL database: %v", err)
	}
	t.Cleanup(func() {
		// t.Context is done by now. FORCE ends connections that the test forgot.
		if err := srv.exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Logf("testkit: %v", err)
		}
	})
	return srv.url(name)
}

func findServer() (server, error) {
	if u := os.Getenv("TWOFOLD_TEST_POSTGRES"); u != "" {
		srv := server{adminURL: u}
		return srv, srv.dropLeftovers(context.Background())
	}
	c, err := pgcluster.Start(context.Background())
	if err != nil {
		return server{}, err
	}
	return server{adminURL: c.URL("postgres"), own: c}, nil
}

// makePostgres outlives the test that happens to be first, hence no t.Context.
func (k *Kit) makePostgres(srv server) (string, error) {
	ctx := context.Background()
	name := newName()
	if err := srv.exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return name, k.Migrate(ctx, srv.url(name))
}

func (p *postgresTemplate) copy(ctx context.Context, srv server, template, name string) error {
	p.copying.Lock()
	defer p.copying.Unlock()
	return srv.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template)
}

func (p *postgresTemplate) close() {
	// get waits for a start under way, and keeps a later one from happening.
	srv, err := p.server.get(func() (server, error) { return server{}, errors.New("testkit: closed") })
	if err != nil {
		return
	}
	if srv.own != nil {
		srv.own.Stop()
		return
	}
	if name, err := p.template.get(func() (string, error) { return "", errors.New("testkit: closed") }); err == nil {
		_ = srv.exec(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}
}

// url is the admin URL with another database in it.
func (s server) url(database string) string {
	u, err := url.Parse(s.adminURL)
	if err != nil {
		return "" // exec has failed on it before
	}
	u.Path = "/" + database
	return u.String()
}

func (s server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.adminURL)
	if err != nil {
		return fmt.Errorf("connect as administrator: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

// dropLeftovers removes old databases of runs that were killed.
func (s server) dropLeftovers(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.adminURL)
	if err != nil {
		return fmt.Errorf("connect to TWOFOLD_TEST_POSTGRES: %w", err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", namePrefix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if isLeftover(name, time.Now()) {
			// Another binary may be doing the same: who comes second finds nothing.
			_, _ = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		}
	}
	return nil
}

func newName() string {
	return namePrefix + strconv.FormatInt(time.Now().Unix(), 10) + "_" + strings.ToLower(rand.Text()[:10])
}

func isLeftover(name string, now time.Time) bool {
	stamp, _, _ := strings.Cut(strings.TrimPrefix(name, namePrefix), "_")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	return err == nil && now.Sub(time.Unix(seconds, 0)) > leftoverAge
}
