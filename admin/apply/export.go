package apply

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"twofold/internal/db"
	"twofold/tenants"
)

// ExportOptions say what to export; the zero value means all there is.
type ExportOptions struct {
	// Subscription is the name of the only one to export, without the platform's part.
	Subscription string
	// NoUsers leaves out users, and what is for single users.
	NoUsers bool
}

// Export writes the configuration as the file that Parse reads: applied to an empty
// database it gives the same, applied to the one it comes from it changes nothing.
// No secret is in it. What is written is of one moment. The warnings say what the
// file lacks, or where Run will refuse it.
func Export(ctx context.Context, store *tenants.Store, w io.Writer, o ExportOptions) (warnings []string, err error) {
	x := &exporter{store: store, opts: o, out: bufio.NewWriter(w), defaults: map[reflect.Type]any{}}
	err = store.DB.Snapshot(ctx, func(ctx context.Context) error { return x.all(ctx) })
	if err != nil {
		return nil, err
	}
	if err := x.out.Flush(); err != nil {
		return nil, fmt.Errorf("apply: export: %w", err)
	}
	return x.warnings, nil
}

// exporter is one export.
type exporter struct {
	store    *tenants.Store
	opts     ExportOptions
	out      *bufio.Writer
	sections []string // keys of lists and mappings that wait for their first entry
	defaults map[reflect.Type]any
	warnings []string
}

const exportHeader = `# The configuration as "twofold apply" reads it: see docs/reference/apply.md.
# Secrets are not in it. ${kept} leaves the one that is there; where there is none, put a reference in
# its place: ${env:NAME}, a variable of the environment, or ${file:PATH}, a file.
`

func (x *exporter) all(ctx context.Context) error {
	x.write(exportHeader)
	if x.opts.NoUsers {
		x.write("# Users are left out, and what is for single users.\n")
	}
	subs, err := x.subscriptions(ctx)
	if err != nil {
		return err
	}
	if x.opts.Subscription == "" {
		if err := x.platform(ctx); err != nil {
			return err
		}
	}
	if len(subs) == 0 {
		x.write("subscriptions: []\n")
		return nil
	}
	x.write("subscriptions:\n")
	for _, s := range subs {
		e := &subExporter{exporter: x, sub: s}
		if err := e.all(db.WithScope(ctx, db.Scope{Subscription: s.ID})); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) subscriptions(ctx context.Context) ([]tenants.Subscription, error) {
	if x.opts.Subscription != "" {
		s, err := x.store.SubscriptionByName(ctx, x.opts.Subscription)
		return []tenants.Subscription{s}, err
	}
	subs, err := x.store.ListSubscriptions(ctx)
	subs = slices.DeleteFunc(subs, func(s tenants.Subscription) bool { return s.Deleted() })
	slices.SortFunc(subs, func(a, b tenants.Subscription) int { return strings.Compare(a.Name, b.Name) })
	return subs, err
}

// platform writes what is no subscription's.
func (x *exporter) platform(ctx context.Context) error {
	if err := x.bases(ctx, "", "platform"); err != nil {
		return err
	}
	list, err := x.store.Templates(ctx)
	if err != nil {
		return err
	}
	sortTemplates(list, func(tenants.Template) string { return "" })
	done := x.section("", "templates")
	for _, t := range list {
		var s platformText
		describe(&s, t)
		s.Subject.set = s.Subject.v != ""
		item(x, indentStep, kindTemplate+" "+t.Kind+" in "+t.Lang+" of the platform", s, nil)
	}
	done()
	return x.platformRoles(ctx)
}

// bases writes base settings: those of the subscription in ctx, or the platform's.
func (x *exporter) bases(ctx context.Context, indent, owner string) error {
	all, err := x.store.BaseSettings(ctx)
	if err != nil {
		return err
	}
	done := x.section(indent, "settings")
	defer done()
	for _, t := range slices.Sorted(maps.Keys(all)) {
		p, ok := x.store.Catalog[t]
		if !ok {
			x.warn("settings of %s are left out: this server has no factor type of that name", t)
			continue
		}
		m := masker{notes: map[string]string{}, owner: []string{owner, t}}
		var e emitter
		e.treeAt(indent+indentStep, indent+indentStep, t, "", m.options(all[t], p.Fields), m.notes)
		x.begun()
		x.write(e.String())
	}
	return nil
}

// section begins a key whose entries follow. It is written with the first of them;
// without one it is not.
func (x *exporter) section(indent, key string) (done func()) {
	x.sections = append(x.sections, indent+key+":\n")
	depth := len(x.sections)
	return func() {
		if len(x.sections) >= depth {
			x.sections = x.sections[:depth-1]
		}
	}
}

func (x *exporter) begun() {
	x.write(strings.Join(x.sections, ""))
	x.sections = x.sections[:0]
}

// write keeps its error for Flush.
func (x *exporter) write(s string) { _, _ = x.out.WriteString(s) }

func (x *exporter) warn(format string, args ...any) {
	x.warnings = append(x.warnings, "! "+fmt.Sprintf(format, args...))
}

// item writes an entry of a list, and holds it to the rules of the parser: what was
// made by other ways than a file may be more than a file can say.
func item[T any](x *exporter, indent, label string, spec T, notes map[string]string) {
	var e emitter
	e.object(indent, spec, notes)
	x.begun()
	_, _ = x.out.Write(e.Bytes())
	for _, p := range mistakes[T](e.Bytes()) {
		x.warn("%s cannot be applied as it is: %s: %s", label, p.Path, p.Message)
	}
}

func mistakes[T any](text []byte) Problems {
	var n yaml.Node
	var back T
	p := &parser{}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&n); err != nil {
		return Problems{{Path: "text", Message: "is not valid YAML"}}
	}
	p.object(n.Content[0].Content[0], place{}, reflect.ValueOf(&back).Elem())
	return p.problems
}
