package op

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"twofold/internal/db"
)

// keysFor is how long a replica may sign with, accept and publish what it read.
// A new key must be published at least this long before it signs.
const keysFor = 60 * time.Second

// lookAgain is how old a key set may be where a token names a key that it lacks: another
// replica may have made that key a moment ago. It bounds what made-up names cost.
const lookAgain = 5 * time.Second

// keySet are the keys of one tenant, and the document that publishes them.
type keySet struct {
	byID   map[string]*key
	old    map[string]*key // no longer published: good for hints alone
	active map[jose.SignatureAlgorithm]*key
	jwks   json.RawMessage
}

// keyCache remembers key sets by tenant. Its zero value works.
type keyCache struct {
	mu sync.Mutex
	m  map[string]*keyEntry
}

// keyEntry is guarded by a channel and not by a mutex, so that who waits for the
// database can give up.
type keyEntry struct {
	free chan struct{}
	set  *keySet
	at   time.Time
}

func (c *keyCache) entry(tenant string) *keyEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string]*keyEntry{}
	}
	e, ok := c.m[tenant]
	if !ok {
		e = &keyEntry{free: make(chan struct{}, 1)}
		c.m[tenant] = e
	}
	return e
}

func (c *keyCache) forget(tenant string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, tenant)
}

// keySet returns the keys of the tenant in ctx.
func (p *Provider) keySet(ctx context.Context) (*keySet, error) { return p.keySetOf(ctx, keysFor) }

// keySetOf returns keys that are younger than an age. While one caller reads them, the
// others of this tenant wait for it.
func (p *Provider) keySetOf(ctx context.Context, young time.Duration) (*keySet, error) {
	tenant := db.ScopeOf(ctx).Tenant
	if tenant == "" {
		return nil, db.ErrNoScope
	}
	e := p.keys.entry(tenant)
	select {
	case e.free <- struct{}{}:
		defer func() { <-e.free }()
	case <-ctx.Done():
		return nil, fmt.Errorf("op: signing keys: %w", ctx.Err())
	}
	if age := p.Now().Sub(e.at); e.set != nil && age >= 0 && age < young {
		return e.set, nil
	}
	asked := p.Now() // what is read is at least as young
	set, err := p.loadKeys(ctx, e.set)
	if err != nil {
		return nil, err
	}
	e.set, e.at = set, asked
	return set, nil
}

// loadKeys reads the keys in one round trip and parses those that old lacks.
func (p *Provider) loadKeys(ctx context.Context, old *keySet) (*keySet, error) {
	var rows []signingKeyRow
	if err := p.DB.For(ctx).Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("op: signing keys: %w", err)
	}
	now := p.now()
	set := &keySet{byID: map[string]*key{}, old: map[string]*key{}, active: map[jose.SignatureAlgorithm]*key{}}
	doc := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, row := range rows {
		k, err := p.parsedKey(row, old)
		if err != nil {
			return nil, err
		}
		if !row.published(now) {
			set.old[k.id] = k
			continue
		}
		set.byID[k.id] = k
		doc.Keys = append(doc.Keys, k.public)
		if row.State == keyActive {
			set.active[k.alg] = k
		}
	}
	if set.active[jose.RS256] == nil || set.active[jose.ES256] == nil {
		return nil, errors.New("op: the tenant lacks an active signing key")
	}
	var err error
	if set.jwks, err = json.Marshal(doc); err != nil {
		return nil, fmt.Errorf("op: key set: %w", err)
	}
	return set, nil
}

func (p *Provider) parsedKey(row signingKeyRow, old *keySet) (*key, error) {
	if old != nil {
		if k := cmp.Or(old.byID[row.ID], old.old[row.ID]); k != nil {
			return k, nil
		}
	}
	return p.openKey(row)
}

// CheckKeys reports whether the tenant in ctx has keys that this server can open.
func (p *Provider) CheckKeys(ctx context.Context) error {
	_, err := p.keySet(ctx)
	return err
}
