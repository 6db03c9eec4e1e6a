package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"

	"twofold/admin"
)

// BaseSettings are the defaults for the options of every instance of a type.
type BaseSettings struct {
	Type    string                 `json:"type" doc:"The type." example:"email"`
	Options map[string]OptionValue `json:"options" doc:"Its options; own is what is set at this level."`
}

// BaseSettingsUpdate is a change of base settings.
type BaseSettingsUpdate struct {
	Options map[string]json.RawMessage `json:"options" doc:"They are merged: null takes one back. A secret that is absent stays, unless what it belongs to changes."`
}

func (a *API) settings() {
	for _, at := range []struct{ id, path, where string }{
		{"base_settings", "/subscriptions/{subscription}/base-settings/{type}", "of a subscription"}, {"platform_settings", "/base-settings/{type}", "of the whole server"},
	} {
		act[none, BaseSettings](a, spec{id: at.id + ".get", method: http.MethodGet, path: at.path, summary: "Show the base settings " + at.where, action: admin.SettingsRead, etag: true},
			func(ctx context.Context, c *call, _ none) (*answer, error) {
				v, err := a.Admin.BaseSettings(ctx, c.who, c.subscription, c.kind)
				return shownSettings(v), err
			})
		act[BaseSettingsUpdate, BaseSettings](a, spec{
			id: at.id + ".update", method: http.MethodPatch, path: at.path, summary: "Change the base settings " + at.where, action: admin.SettingsWrite, must: []string{"options"},
			patch: true, etag: true, ifMatch: true, stale: reflect.TypeFor[Stale[BaseSettings]](),
		}, func(ctx context.Context, c *call, b BaseSettingsUpdate) (*answer, error) {
			seen, err := ifMatch(c.Request)
			if err != nil {
				return nil, err
			}
			version := seen - 1
			if seen == 0 {
				have, err := a.Admin.BaseSettings(ctx, c.who, c.subscription, c.kind)
				if err != nil {
					return nil, err
				}
				version = have.Version
			}
			v, err := a.Admin.SetBaseSettings(ctx, c.who, c.subscription, c.kind, version, b.Options)
			return shownSettings(v), staleSettings(err)
		})
	}
}

// staleSettings shows who was slower both versions.
func staleSettings(err error) error {
	var stale *admin.StaleError[admin.BaseSettings]
	if !errors.As(err, &stale) {
		return err
	}
	show := func(v admin.BaseSettings) BaseSettings { return BaseSettings{v.Type, showOptions(v.Options)} }
	f, mine := asFailure(stale.Unwrap()), show(stale.Yours)
	f.more = Stale[BaseSettings]{Yours: &mine, Theirs: show(stale.Theirs), ETag: etag(stale.Theirs.Version + 1)}
	f.header.Set("ETag", etag(stale.Theirs.Version+1))
	return f
}

// shownSettings counts versions from 1: there is an ETag too where nothing is set yet.
func shownSettings(v admin.BaseSettings) *answer {
	return &answer{body: BaseSettings{v.Type, showOptions(v.Options)}, version: v.Version + 1}
}
