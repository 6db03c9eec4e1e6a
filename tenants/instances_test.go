package tenants

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/internal/seal"
	"twofold/internal/testkit"
)

func (w *world) options(t *testing.T, c *customer) fakeOptions {
	t.Helper()
	inst, err := w.Open(c.ctx, c.letter.ID)
	must(t, err)
	return inst.Factor.(*fakeFactor).options
}

func TestOptionsAreInherited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c, other := w.customer("acme"), w.customer("globex")
		for _, step := range []struct {
			name string
			do   func() (Difference, error)
			want fakeOptions
			from map[string]Source
		}{
			{
				"defaults", func() (Difference, error) { return Difference{}, nil },
				fakeOptions{"us", "", 6},
				map[string]Source{"Sender": SourceInstance, "Key": SourceDefault, "Length": SourceDefault},
			},
			{"platform", func() (Difference, error) {
				return w.PutSettings(t.Context(), "letter", Options{"Sender": []byte(`"platform"`), "Key": []byte(`"k1"`), "Length": []byte("7")})
			}, fakeOptions{"us", "k1", 7}, map[string]Source{"Sender": SourceInstance, "Key": SourcePlatform, "Length": SourcePlatform}},
			{
				"subscription", func() (Difference, error) { return w.PutSettings(c.admin, "letter", Options{"Length": []byte("8")}) },
				fakeOptions{"us", "k1", 8},
				map[string]Source{"Sender": SourceInstance, "Key": SourcePlatform, "Length": SourceSubscription},
			},
			{
				"another subscription", func() (Difference, error) {
					return w.PutSettings(other.admin, "letter", Options{"Length": []byte("9")})
				},
				fakeOptions{"us", "k1", 8},
				nil,
			},
			{
				"another type", func() (Difference, error) { return w.PutSettings(c.admin, "call", Options{"Length": []byte("9")}) },
				fakeOptions{"us", "k1", 8},
				nil,
			},
			{
				"instance", func() (Difference, error) { return w.PutTwoFactor(c.admin, &c.letter, Options{"Length": []byte("5")}) },
				fakeOptions{"platform", "k1", 5},
				map[string]Source{"Sender": SourcePlatform, "Key": SourcePlatform, "Length": SourceInstance},
			},
			{
				"changed settings", func() (Difference, error) {
					return w.PutSettings(t.Context(), "letter", Options{"Sender": []byte(`"second"`)})
				},
				fakeOptions{"second", "", 5},
				map[string]Source{"Sender": SourcePlatform, "Key": SourceDefault, "Length": SourceInstance},
			},
		} {
			d, err := step.do()
			must(t, err)
			if again, err := step.do(); err != nil || again.Changed() {
				t.Errorf("%s: done again: %+v, %v", step.name, again, err)
			}
			for _, f := range d.Fields {
				if strings.Contains(f.Old+f.New, "k1") || strings.Contains(f.Old+f.New, "platform") {
					t.Errorf("%s: a value is shown: %+v", step.name, f)
				}
			}
			if got := w.options(t, c); got != step.want {
				t.Errorf("%s: %+v, want %+v", step.name, got, step.want)
			}
			got, err := w.Sources(c.admin, c.letter.ID)
			if diff := cmp.Diff(step.from, got); step.from != nil && (diff != "" || err != nil) {
				t.Errorf("%s: %v %s", step.name, err, diff)
			}
		}
	})
}

func TestOptionsAreSealed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		secrets := &testkit.SecretRegister{}
		key := secrets.Add("key", "hunter2-hunter2")
		options := Options{"Sender": []byte(`"us"`), "Key": []byte(`"` + key + `"`)}
		done[Difference](t)(w.PutTwoFactor(c.admin, &c.letter, options))
		done[Difference](t)(w.PutSettings(c.admin, "call", options))
		done[Difference](t)(w.PutSettings(t.Context(), "key", options))
		var sealed []string
		must(t, w.DB.QueryRaw(t.Context(), &sealed, "SELECT options_sealed FROM two_factors UNION ALL SELECT options_sealed FROM settings"))
		if len(sealed) != 3 {
			t.Errorf("%d rows", len(sealed))
		}
		for _, s := range sealed {
			secrets.Forbid(t, "database", s)
		}
		back, err := w.OptionsOf(c.admin, c.letter.ID)
		if diff := cmp.Diff(options, back); diff != "" || err != nil {
			t.Error(err, diff)
		}
		// A sealed value opens in its own row alone.
		second := TwoFactor{Name: "second", Type: "letter", Active: true}
		done[Difference](t)(w.PutTwoFactor(c.admin, &second, goodOptions))
		w.behind("UPDATE two_factors SET options_sealed = (SELECT options_sealed FROM two_factors WHERE id = ?), version = 9 WHERE id = ?", c.letter.ID, second.ID)
		if s, err := w.StateOf(c.admin, second.ID); err != nil || s.Word != "invalid" || !strings.Contains(s.Reason, "unsealed") {
			t.Errorf("moved options: %+v, %v", s, err)
		}
		w.Seal, err = seal.New(bytes.Repeat([]byte{9}, seal.KeySize))
		must(t, err)
		w.opened.m = map[[2]string]openedFactor{}
		if s, err := w.StateOf(c.admin, c.letter.ID); err != nil || s.Word != "invalid" || !strings.Contains(s.Reason, "master key differs") {
			t.Errorf("under another master key: %+v, %v", s, err)
		}
		secrets.Forbid(t, "log", w.logs.String())
	})
}

func TestInstancesThatCannotBeUsed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		for name, tc := range map[string]struct {
			options Options
			reason  string
		}{
			"incomplete":  {nil, "Sender is required"},
			"wrong":       {Options{"Sender": []byte(`"us"`), "Length": []byte("99")}, "Length must be from 4 to 10"},
			"both":        {Options{"Length": []byte(`"x"`)}, "Length must be a whole number; Sender is required"},
			"not a value": {Options{"Sender": []byte("null")}, "Sender must not be null"},
		} {
			f := TwoFactor{Name: name, Type: "letter", Active: true}
			done[Difference](t)(w.PutTwoFactor(c.admin, &f, tc.options))
			_, err := w.Open(c.ctx, f.ID)
			var bad *InvalidError
			if !errors.As(err, &bad) || bad.Reason != tc.reason || bad.Instance != name {
				t.Errorf("%s: %v", name, err)
			}
			if s, err := w.StateOf(c.admin, f.ID); err != nil || s.Word != "invalid" || s.Reason != tc.reason {
				t.Errorf("%s: %+v, %v", name, s, err)
			}
			done[Difference](t)(w.PutTwoFactor(c.admin, &f, goodOptions))
			if _, err := w.Open(c.ctx, f.ID); err != nil {
				t.Errorf("%s, mended: %v", name, err)
			}
		}
		for name, id := range map[string]string{"gone": "nobody", "empty": ""} {
			var bad *InvalidError
			if _, err := w.Open(c.ctx, id); !errors.As(err, &bad) || bad.Reason != "it no longer exists" {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.behind("UPDATE two_factors SET type = 'pigeon' WHERE id = ?", c.letter.ID)
		if s, err := w.StateOf(c.admin, c.letter.ID); err != nil || s.Word != "invalid" || !strings.Contains(s.Reason, "no factor type pigeon") {
			t.Errorf("of a type that is gone: %+v, %v", s, err)
		}
		if _, err := w.Open(t.Context(), c.letter.ID); !errors.Is(err, db.ErrNoScope) {
			t.Errorf("without a scope: %v", err)
		}
	})
}

func TestUnknownOptionsAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		options := Options{"Sender": []byte(`"us"`), "sender": []byte(`"us"`), "Lengths": []byte("6")}
		for name, put := range map[string]func() (Difference, error){
			"instance": func() (Difference, error) { return w.PutTwoFactor(c.admin, &c.letter, options) },
			"settings": func() (Difference, error) { return w.PutSettings(c.admin, "letter", options) },
		} {
			_, err := put()
			p := problem.From(err)
			if p.Kind != problem.Invalid || len(p.Fields) != 2 || p.Fields[0].Name != "Lengths" || p.Fields[1].Name != "sender" {
				t.Errorf("%s: %v %+v", name, err, p.Fields)
			}
		}
		if _, err := w.PutSettings(c.admin, "pigeon", nil); !problem.Is(err, problem.Invalid) {
			t.Errorf("of an unknown type: %v", err)
		}
		if got := w.options(t, c); got.Sender != "us" {
			t.Errorf("options were changed to %+v", got)
		}
	})
}

func TestStateOf(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		post := TwoFactor{Name: "post", Type: "post", Active: true}
		done[Difference](t)(w.PutTwoFactor(c.admin, &post, goodOptions))
		check := func(name, word, reason string, since *time.Time) {
			t.Helper()
			got, err := w.StateOf(c.admin, post.ID)
			if diff := cmp.Diff(State{word, reason, since}, got); err != nil || diff != "" {
				t.Errorf("%s: %v %s", name, err, diff)
			}
			all, err := w.States(c.admin)
			if diff := cmp.Diff(map[string]State{post.ID: got, c.letter.ID: {Word: "ready"}}, all); err != nil || diff != "" {
				t.Errorf("%s: among all: %v %s", name, err, diff)
			}
		}
		check("new", "untested", "", nil)
		first := w.clock.Now()
		must(t, w.NoteDelivery(c.ctx, post.ID, "refused by the provider"))
		check("failed before it ever worked", "failing", "refused by the provider", &first)
		w.clock.Advance(time.Hour)
		must(t, w.NoteDelivery(c.ctx, post.ID, "no connection"))
		check("failed again", "failing", "no connection", &first)
		sent := w.clock.Advance(time.Hour)
		must(t, w.NoteDelivery(c.ctx, post.ID, ""))
		check("worked", "ready", "", &sent)
		failed := w.clock.Advance(time.Hour)
		must(t, w.NoteDelivery(c.ctx, post.ID, "no connection"))
		check("failed anew", "failing", "no connection", &failed)
		post.Active = false
		done[Difference](t)(w.PutTwoFactor(c.admin, &post, goodOptions))
		check("switched off", "inactive", "", nil)
		post.Active = true
		done[Difference](t)(w.PutTwoFactor(c.admin, &post, Options{}))
		check("options removed", "invalid", "Sender is required", nil)
		done[Difference](t)(w.PutTwoFactor(c.admin, &post, goodOptions))
		check("options set", "untested", "", nil)
	})
}

// What delivers nothing has nothing that a test could send.
func TestStateOfWhatSendsNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		want := map[string]State{c.letter.ID: {Word: "ready"}}
		for _, tc := range []struct {
			factorType, name string
			active           bool
			options          Options
			want             State
		}{
			{"key", "valid", true, goodOptions, State{Word: "ready"}},
			{"enrolled", "valid too", true, goodOptions, State{Word: "ready"}},
			{"paper", "in place of others", true, goodOptions, State{Word: "ready"}},
			{"key", "off", false, goodOptions, State{Word: "inactive"}},
			{"key", "incomplete", true, nil, State{Word: "invalid", Reason: "Sender is required"}},
			{"post", "sends", true, goodOptions, State{Word: "untested"}},
		} {
			f := TwoFactor{Name: tc.name, Type: tc.factorType, Active: tc.active}
			done[Difference](t)(w.PutTwoFactor(c.admin, &f, tc.options))
			if got, err := w.StateOf(c.admin, f.ID); err != nil || got != tc.want {
				t.Errorf("%s: %+v, %v", tc.name, got, err)
			}
			want[f.ID] = tc.want
		}
		ctx, n := db.WithCounter(c.admin)
		all, err := w.States(ctx)
		if diff := cmp.Diff(want, all); err != nil || diff != "" || n.Count() > 2 {
			t.Errorf("%v, %d round trips %s", err, n.Count(), diff)
		}
		if got, err := w.StateOf(c.admin, "nobody"); err != nil || got.Word != "invalid" {
			t.Errorf("of none: %+v, %v", got, err)
		}
	})
}

// A delivery is no change of the instance: nobody's edit becomes stale by it.
func TestNoteDeliveryKeepsTheVersion(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.customer("acme")
		before, err := w.Open(c.ctx, c.letter.ID)
		must(t, err)
		w.clock.Advance(time.Hour)
		must(t, w.NoteDelivery(c.ctx, c.letter.ID, ""))
		all, err := w.ListTwoFactors(c.admin)
		if err != nil || all[0].Stamp != c.letter.Stamp {
			t.Errorf("stamps are %+v, were %+v, %v", all[0].Stamp, c.letter.Stamp, err)
		}
		after, err := w.Open(c.ctx, c.letter.ID)
		if err != nil || after.Factor != before.Factor {
			t.Error("opened anew although nothing changed")
		}
	})
}
