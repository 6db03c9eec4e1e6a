package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"twofold/internal/db"
	"twofold/internal/problem"
	"twofold/twofactor"
)

var (
	errNoReport  = problem.New(problem.NotFound, "report_unknown", "There is no such message.")
	errNotSigned = problem.New(problem.Forbidden, "report_not_signed", "This report is not signed by the provider.")
)

// Report takes what a provider says about a message that it took earlier. ctx speaks
// for the tenant that the address belongs to; url is that address as it was given to
// the provider, see Config.ReportURL. The same report twice changes nothing, and
// the first last word counts: reports overtake each other.
//
// Errors are *problem.Error: Forbidden when the provider did not make the call,
// NotFound when it is about nothing that we know.
func (o *Outbox) Report(ctx context.Context, twoFactorID, url string, header, form map[string][]string) error {
	inst, err := o.Instances.Open(ctx, twoFactorID)
	if err != nil {
		return problem.Wrap(problem.NotFound, errNoReport.Code, errNoReport.Message, err)
	}
	reporter, ok := inst.Factor.(twofactor.Reporter)
	if !ok {
		return errNoReport
	}
	r, err := reporter.Report(url, header, form)
	if errors.Is(err, twofactor.ErrWrongAnswer) {
		return errNotSigned
	}
	if err != nil {
		return fmt.Errorf("delivery: report: %w", err)
	}
	var row messageRow
	err = o.DB.For(ctx).Where("two_factor_id = ? AND provider_id = ? AND provider_id <> ''", twoFactorID, r.ProviderID).Take(&row).Error
	if db.IsNotFound(err) {
		return errNoReport
	}
	if err != nil {
		return fmt.Errorf("delivery: report: %w", err)
	}
	return o.reported(ctx, row, inst, r)
}

func (o *Outbox) reported(ctx context.Context, row messageRow, inst twofactor.Instance, r twofactor.Report) error {
	var err error
	switch now := db.Micros(o.Now()); {
	case row.ReportedAt != nil:
		return nil
	case r.Failed != nil && row.State == Sent:
		err = o.undelivered(ctx, row, inst, r, now)
	default:
		set := map[string]any{"provider_status": r.Status}
		if r.Done {
			set["reported_at"] = now
		}
		err = db.One(o.DB.For(ctx).Model(&messageRow{}).Where("id = ? AND reported_at IS NULL", row.ID).Updates(set))
	}
	if errors.Is(err, db.ErrStale) {
		return nil // another replica took the same report
	}
	if err != nil {
		return fmt.Errorf("delivery: report: %w", err)
	}
	return nil
}

// undelivered ends a message a second time: it was sent, and did not arrive.
func (o *Outbox) undelivered(ctx context.Context, row messageRow, inst twofactor.Instance, r twofactor.Report, now time.Time) error {
	e := ending{row: row, inst: inst, from: Sent, state: Failed, cause: r.Failed, set: map[string]any{
		"state": Failed, "provider_id": row.ProviderID, "provider_status": r.Status, "reported_at": now,
		"error_class": twofactor.ClassName(r.Failed), "error": words(r.Failed),
	}}
	if err := o.end(ctx, e); err != nil {
		return err
	}
	o.tell(ctx, e)
	return nil
}
