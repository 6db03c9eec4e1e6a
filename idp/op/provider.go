package op

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/seal"
	"twofold/tenants"
)

// Lifetimes (SECURITY N39, N44, N45).
const (
	requestLife = 10 * time.Minute
	codeLife    = 60 * time.Second
	accessLife  = 10 * time.Minute
	idTokenLife = 10 * time.Minute
	refreshLife = 30 * 24 * time.Hour
	refreshIdle = 14 * 24 * time.Hour
	// A grant without a refresh token need only outlive its last access token.
	onlineGrantLife = codeLife + accessLife + 4*time.Minute
)

// maxRefreshGrace bounds how long a client that lost the answer may repeat a refresh.
const maxRefreshGrace = 10 * time.Second

// Paths below the issuer that package idp serves itself; discovery names them.
const (
	PathAuthorize  = "/authorize"
	PathEndSession = "/end_session"
	PathDevice     = "/device"
)

// Config is what a Provider stands on. All fields but the last four are required.
type Config struct {
	DB        *db.DB
	Seal      *seal.Sealer
	Now       func() time.Time
	Rand      io.Reader
	Log       *slog.Logger
	Tenants   *tenants.Store
	Audit     *audit.Trail
	Guarded   *http.Client // for the addresses of apps' keys; see package outbound
	PublicURL string       // scheme and host, no slash at the end
	RSABits   int          // size of new RSA keys; 0: 3072
	// NewRSA makes them; nil: rsa.GenerateKey. Tests have no time for so many.
	NewRSA func(bits int) (*rsa.PrivateKey, error)
	// RefreshGrace is how long after a rotation the previous refresh token gives
	// the same successor again instead of ending the grant; 0 to 10 s.
	RefreshGrace time.Duration
	KeyTimes     KeyTimes
}

// Provider is the protocol half of every tenant's OpenID Provider.
type Provider struct {
	Config
	keys     keyCache
	appKeys  appKeys
	failures failureNotes
	library  http.Handler
}

// New makes a Provider.
func New(c Config) (*Provider, error) {
	switch {
	case c.DB == nil || c.Seal == nil || c.Now == nil || c.Rand == nil || c.Log == nil || c.Tenants == nil || c.Audit == nil || c.Guarded == nil:
		return nil, errors.New("op: incomplete configuration")
	case !strings.HasPrefix(c.PublicURL, "https://") && !strings.HasPrefix(c.PublicURL, "http://"):
		return nil, errors.New("op: the public URL must be absolute")
	case c.RefreshGrace < 0 || c.RefreshGrace > maxRefreshGrace:
		return nil, errors.New("op: the refresh grace must be 0 to 10 seconds")
	case c.RSABits != 0 && c.RSABits < 2048:
		return nil, errors.New("op: RSA keys need at least 2048 bits")
	}
	if err := c.KeyTimes.Check(); err != nil {
		return nil, fmt.Errorf("op: %w", err)
	}
	if c.RSABits == 0 {
		c.RSABits = 3072
	}
	if c.NewRSA == nil {
		c.NewRSA = func(bits int) (*rsa.PrivateKey, error) { return rsa.GenerateKey(c.Rand, bits) }
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	p := &Provider{Config: c}
	p.library = newLibraryHandler(p)
	return p, nil
}

// issuer is the issuer identifier of the tenant in ctx: of its two the one that ctx was
// reached by. It is made of configuration alone and never of the request (RFC 9700 §2.6).
func (p *Provider) issuer(ctx context.Context) string {
	r := tenants.RealmFrom(ctx)
	if r.Origin != "" {
		return r.Origin
	}
	return p.PublicURL + "/t/" + r.Tenant.Name
}

func (p *Provider) now() time.Time { return db.Micros(p.Now()) }
