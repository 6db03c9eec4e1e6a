package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"twofold/admin"
	"twofold/internal/db"
)

// keepAnswers is how long an Idempotency-Key stands for its request.
const keepAnswers = 24 * time.Hour

// onceRow is an Idempotency-Key with what was answered. The answer is sealed: it may
// hold what is shown once.
type onceRow struct {
	Key       string `gorm:"primaryKey"` // hash of who and his key
	Request   string // hash of method, address and body
	Roles     string // hash of what he might do then
	Status    int64
	Version   int64
	Location  string
	Sealed    string // what was answered
	ExpiresUS int64  `gorm:"column:expires_us"`
}

func (onceRow) TableName() string { return "idempotency_keys" }

// PlatformOwned is true: the keys hold whose they are, as a hash.
func (onceRow) PlatformOwned() {}

// claim takes a key that nobody has, or had a day ago: whoever gets a row back goes on.
// Who comes second waits for the first to end.
const claim = `INSERT INTO idempotency_keys (key, request, roles, status, version, location, sealed, expires_us)
VALUES (@key, @request, @roles, 0, 0, '', '', CAST(@expires AS bigint))
ON CONFLICT (key) DO UPDATE SET request = excluded.request, roles = excluded.roles, status = 0, version = 0, location = '', sealed = '',
  expires_us = excluded.expires_us
WHERE idempotency_keys.expires_us <= CAST(@now AS bigint)
RETURNING key`

var (
	errKey = failure(http.StatusUnprocessableEntity, "idempotency_key_invalid", "The Idempotency-Key must be one of 1 to 255 visible ASCII characters.",
		Fault{"Idempotency-Key", "must be one of 1 to 255 visible ASCII characters"})
	errKeyUsed = failure(http.StatusUnprocessableEntity, "idempotency_key_used", "This Idempotency-Key was sent with another request. Take a new one.",
		Fault{"Idempotency-Key", "was sent with another request"})
)

// onlyOnce runs an operation in one transaction with its key: both are there after it,
// or neither is. A key that is there already gives the answer of its time.
func (a *API) onlyOnce(ctx context.Context, c *call, keys []string) (out *answer, err error) {
	if len(keys) != 1 || keys[0] == "" || len(keys[0]) > 255 || strings.ContainsFunc(keys[0], func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errKey
	}
	now := a.Now()
	row := onceRow{
		Key: hashed(c.who.Kind, c.who.ID, keys[0]), Request: hashed(c.Method, c.URL.Path, string(c.body.raw)), Roles: rolesOf(c.who),
		ExpiresUS: now.Add(keepAnswers).UnixMicro(),
	}
	err = a.DB.Tx(ctx, func(ctx context.Context) error {
		var mine []string
		args := map[string]any{"key": row.Key, "request": row.Request, "roles": row.Roles, "expires": row.ExpiresUS, "now": now.UnixMicro()}
		if err := a.DB.QueryRaw(ctx, &mine, claim, args); err != nil {
			return fmt.Errorf("rest: idempotency key: %w", err)
		}
		if len(mine) == 0 {
			out, err = a.before(ctx, c, row)
			return err
		}
		if out, err = c.op.handle(ctx, c); err != nil {
			return err
		}
		return a.keep(ctx, row.Key, out)
	})
	return out, err
}

// keep stores what was answered with its key.
func (a *API) keep(ctx context.Context, key string, out *answer) error {
	text, err := json.Marshal(out.body)
	if err != nil {
		return fmt.Errorf("rest: %w", err)
	}
	set := map[string]any{
		"status": int64(out.status), "version": out.version, "location": out.location, "sealed": a.Seal.Seal(text, answerPlace(key)...),
	}
	return db.One(a.DB.For(ctx).Model(&onceRow{}).Where("key = ?", key).UpdateColumns(set))
}

// before gives the answer of before: to the same request, of somebody who may do the
// same as then, and has signed in lately if the operation asks for it. Otherwise he is
// told where to look.
func (a *API) before(ctx context.Context, c *call, asked onceRow) (*answer, error) {
	var row onceRow
	if err := a.DB.For(ctx).Where("key = ?", asked.Key).Take(&row).Error; err != nil {
		return nil, fmt.Errorf("rest: idempotency key: %w", err)
	}
	switch {
	case row.Request != asked.Request:
		return nil, errKeyUsed
	case c.op.fresh() && !c.who.Fresh(a.Now()):
		return nil, admin.ErrAgain
	}
	text, err := a.Seal.Open(row.Sealed, answerPlace(row.Key)...)
	if err != nil || row.Roles != asked.Roles {
		f := failure(http.StatusConflict, "done_before", "This was done before, and its answer is not kept any more. See Location.")
		if row.Location != "" {
			f.header.Set("Location", a.PublicURL+row.Location)
		}
		return nil, f
	}
	return &answer{status: int(row.Status), version: row.Version, location: row.Location, body: json.RawMessage(text)}, nil
}

// SweepKeys forgets keys that have had their time.
func (a *API) SweepKeys(ctx context.Context) error {
	if err := a.DB.For(ctx).Where("expires_us < ?", a.Now().UnixMicro()).Delete(&onceRow{}).Error; err != nil {
		return fmt.Errorf("rest: sweep: %w", err)
	}
	return nil
}

// rolesOf is a hash of all that somebody may do.
func rolesOf(w admin.Who) string {
	var parts []string
	for _, g := range w.Grants {
		parts = append(parts, string(g.Role), g.SubscriptionID, g.TenantID)
	}
	return hashed(parts...)
}

// hashed brings words to one, so that no two lists of words give the same.
func hashed(parts ...string) string {
	text, _ := json.Marshal(parts) // strings always marshal
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// answerPlace is what an answer is sealed for.
func answerPlace(key string) []string { return []string{"idempotency_keys", "sealed", key} }
