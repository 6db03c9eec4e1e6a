package console

import (
	"net/http"
	"net/url"
	"time"

	"twofold/admin"
	"twofold/internal/audit"
	"twofold/internal/page"
	"twofold/internal/problem"
	"twofold/ui"
)

// What a list of the audit trail can be narrowed to.

// asked is the part of an address that names the filters which are set.
func asked(r *http.Request, filters []ui.AdminFilter) string {
	v := url.Values{}
	for _, f := range filters {
		if s := r.URL.Query().Get(f.Name); s != "" {
			v.Set(f.Name, s)
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

func (d *desk) trailFilters() ([]ui.AdminFilter, error) {
	out := []ui.AdminFilter{
		{Name: audit.FilterKind, Label: "Kind", Options: eventKinds()},
		{Name: audit.FilterActor, Label: "By"},
		{Name: audit.FilterUser, Label: "About user"},
	}
	if d.sub.ID != "" {
		apps, err := d.appFilter(audit.FilterClientApp)
		if err != nil {
			return nil, err
		}
		realms, err := d.tenantFilter(audit.FilterTenant)
		if err != nil {
			return nil, err
		}
		out = append(append(out, offered(apps, !d.may(admin.ClientAppRead))...), offered(realms, false)...)
	}
	return append(out, ui.AdminFilter{Name: audit.FilterRequest, Label: "Reference number"},
		ui.AdminFilter{Name: audit.FilterFrom, Label: "From", Draw: ui.DrawDate}, ui.AdminFilter{Name: audit.FilterTo, Label: "To", Draw: ui.DrawDate}), nil
}

// offered leaves out a choice among nothing, which would be drawn as a field for words.
func offered(f ui.AdminFilter, words bool) []ui.AdminFilter {
	if len(f.Options) == 0 && !words {
		return nil
	}
	return []ui.AdminFilter{f}
}

// tenantFilter offers the tenants that somebody sees.
func (d *desk) tenantFilter(name string) (ui.AdminFilter, error) {
	f := ui.AdminFilter{Name: name, Label: "Tenant"}
	found, err := d.Admin.TenantsOf().List(d.r.Context(), d.who, d.sub.ID, page.Query{Limit: page.MaxLimit})
	if err != nil {
		return f, err
	}
	for _, t := range found.Items {
		f.Options = append(f.Options, ui.AdminOption{Value: t.ID, Label: titleOf(t.Title, t.Name)})
	}
	return f, nil
}

// appFilter offers the client apps that somebody sees; who sees none names one by its id,
// which the entries tell.
func (d *desk) appFilter(name string) (ui.AdminFilter, error) {
	f := ui.AdminFilter{Name: name, Label: "Client app"}
	if !d.may(admin.ClientAppRead) {
		f.Label = "Client app (id)"
		return f, nil
	}
	found, err := d.Admin.ClientApps().List(d.r.Context(), d.who, d.sub.ID, page.Query{Limit: page.MaxLimit})
	if err != nil {
		return f, err
	}
	for _, a := range found.Items {
		f.Options = append(f.Options, ui.AdminOption{Value: a.ID, Label: titleOf(a.Title, a.Name)})
	}
	return f, nil
}

// trailQuery takes names for ids and days for times: people know the former.
func (d *desk) trailQuery(filters []ui.AdminFilter) (page.Query, error) {
	q := d.query(filters)
	q.Search, q.Sort = "", ""
	for _, name := range []string{audit.FilterActor, audit.FilterUser} {
		if err := d.named(&q, name); err != nil {
			return q, err
		}
	}
	return q, days(&q)
}

// named turns a login name in a filter into the user's id.
func (d *desk) named(q *page.Query, filter string) error {
	name := q.Filter[filter]
	if name == "" || d.sub.ID == "" {
		return nil
	}
	found, err := d.Admin.UserNamed(d.r.Context(), d.who, d.sub.ID, name)
	if err != nil {
		return err
	}
	if q.Filter[filter] = found; found == "" {
		q.Filter[filter] = nobody
	}
	return nil
}

// days turns the days of the filters from and to into times: both count whole.
func days(q *page.Query) error {
	for name, more := range map[string]int{audit.FilterFrom: 0, audit.FilterTo: 1} {
		text := q.Filter[name]
		if text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return problem.New(problem.Invalid, "filter_invalid", "Give a date such as 2027-01-31.")
		}
		q.Filter[name] = day.AddDate(0, 0, more).Format(time.RFC3339)
	}
	return nil
}
