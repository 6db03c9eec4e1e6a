package tenants

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
)

// InvalidError says why an instance cannot be used; its text is for administrators.
type InvalidError struct {
	Instance string
	Reason   string
	cause    error
}

func (e *InvalidError) Error() string { return "tenants: TwoFactor " + e.Instance + ": " + e.Reason }

// Unwrap gives the cause.
func (e *InvalidError) Unwrap() error { return e.cause }

// Open returns an instance of the subscription in ctx, ready for use. An instance
// that is inactive, invalid or gone gives an *InvalidError.
func (s *Store) Open(ctx context.Context, twoFactorID string) (twofactor.Instance, error) {
	var row twoFactorRow
	if err := s.DB.For(ctx).Where("id = ?", twoFactorID).Take(&row).Error; err != nil {
		if db.IsNotFound(err) {
			return twofactor.Instance{}, &InvalidError{Instance: twoFactorID, Reason: "it no longer exists"}
		}
		return twofactor.Instance{}, fmt.Errorf("tenants: two factor: %w", err)
	}
	if !row.Active {
		return twofactor.Instance{}, &InvalidError{Instance: row.Name, Reason: "it is inactive"}
	}
	base, err := s.baseSettings(ctx)
	if err != nil {
		return twofactor.Instance{}, err
	}
	return s.open(ctx, row, base)
}

// openedFactors keeps opened factors by instance and by what they were opened
// with. A replica that sees a newer version opens anew: no cache to clear.
type openedFactors struct {
	mu sync.Mutex
	m  map[[2]string]openedFactor // by instance and origin
}

type openedFactor struct {
	key  string
	inst twofactor.Instance
	err  error
}

// open opens an instance for where the user in ctx is: see twofactor.WithOrigin.
func (s *Store) open(ctx context.Context, row twoFactorRow, base settingsOf) (twofactor.Instance, error) {
	origin := cmp.Or(twofactor.OriginFrom(ctx), s.Env.Origin)
	at := [2]string{row.ID, origin}
	key := fmt.Sprintf("%s|%d|%s", row.UpdatedAt, row.Version, base.version(row.Type))
	s.opened.mu.Lock()
	hit, ok := s.opened.m[at]
	s.opened.mu.Unlock()
	if ok && hit.key == key {
		return hit.inst, hit.err
	}
	o := openedFactor{key: key}
	o.inst, o.err = s.build(row, base, origin)
	s.opened.mu.Lock()
	s.opened.m[at] = o
	s.opened.mu.Unlock()
	return o.inst, o.err
}

func (s *Store) build(row twoFactorRow, base settingsOf, origin string) (twofactor.Instance, error) {
	provider, ok := s.Catalog[row.Type]
	if !ok {
		return twofactor.Instance{}, &InvalidError{Instance: row.Name, Reason: "this server has no factor type " + row.Type}
	}
	own, err := s.openOptions(row.OptionsSealed, "two_factors", row.SubscriptionID, row.ID)
	if err != nil {
		return twofactor.Instance{}, &InvalidError{Instance: row.Name, Reason: "its options cannot be unsealed: the master key differs", cause: err}
	}
	platform, subscription, err := base.of(s, row.Type, row.SubscriptionID)
	if err != nil {
		return twofactor.Instance{}, &InvalidError{Instance: row.Name, Reason: "base settings cannot be unsealed: the master key differs", cause: err}
	}
	merged, _ := json.Marshal(mergeOptions(platform, subscription, own))
	env := s.Env
	env.Origin = origin
	env.Log = s.Log.With("two_factor", row.ID, "type", row.Type)
	factor, err := provider.Open(merged, env)
	if err != nil {
		return twofactor.Instance{}, &InvalidError{Instance: row.Name, Reason: reason(err), cause: err}
	}
	return twofactor.Instance{ID: row.ID, Name: row.Name, Info: provider.Info, Factor: factor}, nil
}

func reason(err error) string {
	var oe *twofactor.OptionsError
	if !errors.As(err, &oe) {
		return "it cannot be opened"
	}
	parts := make([]string, len(oe.Errors))
	for i, f := range oe.Errors {
		parts[i] = f.Field + " " + f.Message
	}
	return strings.Join(parts, "; ")
}

// Options is the JSON object of one level: option names to values.
type Options map[string]json.RawMessage

// mergeOptions lays levels over each other, the last one on top.
func mergeOptions(levels ...Options) Options {
	out := Options{}
	for _, l := range levels {
		for k, v := range l {
			out[k] = v
		}
	}
	return out
}

// Source tells where the value of an option comes from.
type Source string

// Sources of option values, nearest first.
const (
	SourceInstance     Source = "set here"
	SourceSubscription Source = "the subscription's base settings"
	SourcePlatform     Source = "the platform's base settings"
	SourceDefault      Source = "default"
)

// Sources tells for each option of an instance where its value comes from.
func (s *Store) Sources(ctx context.Context, twoFactorID string) (map[string]Source, error) {
	var row twoFactorRow
	if err := s.DB.For(ctx).Where("id = ?", twoFactorID).Take(&row).Error; err != nil {
		return nil, notFound(err, errNoTwoFactor)
	}
	own, err := s.openOptions(row.OptionsSealed, "two_factors", row.SubscriptionID, row.ID)
	if err != nil {
		return nil, err
	}
	base, err := s.baseSettings(ctx)
	if err != nil {
		return nil, err
	}
	platform, subscription, err := base.of(s, row.Type, row.SubscriptionID)
	if err != nil {
		return nil, err
	}
	out := map[string]Source{}
	for _, f := range s.Catalog[row.Type].Fields {
		out[f.Name] = SourceDefault
		for _, l := range []struct {
			o Options
			s Source
		}{{platform, SourcePlatform}, {subscription, SourceSubscription}, {own, SourceInstance}} {
			if _, ok := l.o[f.Name]; ok {
				out[f.Name] = l.s
			}
		}
	}
	return out, nil
}

var errNoTwoFactor = problem.New(problem.NotFound, "two_factor_unknown", "There is no such TwoFactor instance.")

func (s *Store) sealOptions(o Options, table, subscription, id string) string {
	text, _ := json.Marshal(o) // a map of raw JSON that was decoded before
	return s.Seal.Seal(text, optionsPlace(table, subscription, id)...)
}

// optionsPlace binds sealed options to their row.
func optionsPlace(table, subscription, id string) []string {
	return []string{table, "options", subscription, id}
}

func (s *Store) openOptions(sealed, table, subscription, id string) (Options, error) {
	if sealed == "" {
		return Options{}, nil
	}
	text, err := s.Seal.Open(sealed, optionsPlace(table, subscription, id)...)
	if err != nil {
		return nil, fmt.Errorf("tenants: options of %s: %w", id, err)
	}
	var o Options
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, fmt.Errorf("tenants: options of %s are damaged", id)
	}
	return o, nil
}

// settingsOf are the base settings that reach one subscription, by owner and type.
type settingsOf map[[2]string]settingsRow

// baseSettings loads the platform's and the subscription's settings in one query.
func (s *Store) baseSettings(ctx context.Context) (settingsOf, error) {
	var rows []settingsRow
	sub := db.ScopeOf(ctx).Subscription
	if sub == "" {
		return nil, db.ErrNoScope
	}
	if err := s.DB.For(db.AllTenants(ctx)).Where("subscription_id IN ?", []string{"", sub}).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tenants: settings: %w", err)
	}
	m := settingsOf{}
	for _, r := range rows {
		m[[2]string{r.SubscriptionID, r.FactorType}] = r
	}
	return m, nil
}

// version changes whenever the settings that reach a type do.
func (m settingsOf) version(factorType string) string {
	platform, own := "", ""
	for k, r := range m {
		switch {
		case k[1] != factorType:
		case k[0] == "":
			platform = fmt.Sprintf("%d@%d", r.Version, r.UpdatedAt.UnixMicro())
		default:
			own = fmt.Sprintf("%d@%d", r.Version, r.UpdatedAt.UnixMicro())
		}
	}
	return platform + "|" + own
}

func (m settingsOf) of(s *Store, factorType, subscription string) (platform, own Options, err error) {
	for k, r := range m {
		if k[1] != factorType {
			continue
		}
		o, err := s.openOptions(r.OptionsSealed, "settings", r.SubscriptionID, r.FactorType)
		if err != nil {
			return nil, nil, err
		}
		if k[0] == "" {
			platform = o
		} else if k[0] == subscription {
			own = o
		}
	}
	return platform, own, nil
}

// NoteDelivery keeps what the outbox found: an instance whose deliveries fail is
// shown as failing, with since when and why.
func (s *Store) NoteDelivery(ctx context.Context, twoFactorID string, failure string) error {
	now := db.Micros(s.Now())
	set := map[string]any{"last_sent_at": now, "failing_since": nil, "last_error": ""}
	q := s.DB.For(ctx).Model(&twoFactorRow{}).Where("id = ?", twoFactorID)
	if failure != "" {
		set = map[string]any{"last_error": failure}
		if err := s.DB.For(ctx).Model(&twoFactorRow{}).Where("id = ? AND failing_since IS NULL", twoFactorID).
			UpdateColumn("failing_since", now).Error; err != nil {
			return fmt.Errorf("tenants: note delivery: %w", err)
		}
	}
	if err := q.UpdateColumns(set).Error; err != nil {
		return fmt.Errorf("tenants: note delivery: %w", err)
	}
	return nil
}

// fieldsOf opens a factor with options and says what it has against them.
func (s *Store) fieldsOf(factorType string, o Options) []problem.Field {
	merged, _ := json.Marshal(o)
	env := s.Env
	env.Log = s.Log
	_, err := s.Catalog[factorType].Open(merged, env)
	var oe *twofactor.OptionsError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &oe):
		out := make([]problem.Field, len(oe.Errors))
		for i, f := range oe.Errors {
			out[i] = problem.Field{Name: f.Field, Message: f.Message}
		}
		return out
	}
	return []problem.Field{{Message: reason(err)}}
}
