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
	row, err := o.about(ctx, twoFactorID, r.ProviderID)
	if err != nil {
		return err
	}
	return o.reported(ctx, row, inst, r)
}

// A provider may tell how a message fared before its answer to our call has been
// written down, by this process or another one.
const (
	reportPatience = 5 * time.Second
	reportPause    = 50 * time.Millisecond
)

// about finds the message that a report is about. As long as one of the instance is
// being sent it may be that one, whose name at the provider is not known yet.
func (o *Outbox) about(ctx context.Context, twoFactorID, providerID string) (messageRow, error) {
	if providerID == "" {
		return messageRow{}, errNoReport
	}
	late := time.NewTimer(reportPatience)
	defer late.Stop()
	for {
		// In this order: what is not being sent any more has its name.
		var sending int64
		var row messageRow
		err := o.DB.For(ctx).Model(&messageRow{}).Where("two_factor_id = ? AND state = ?", twoFactorID, Sending).Count(&sending).Error
		if err == nil {
			err = o.DB.For(ctx).Where("two_factor_id = ? AND provider_id = ?", twoFactorID, providerID).Take(&row).Error
		}
		switch {
		case err == nil:
			return row, nil
		case !db.IsNotFound(err):
			return row, fmt.Errorf("delivery: report: %w", err)
		case sending == 0:
			return row, errNoReport
		}
		select {
		case <-time.After(reportPause):
		case <-late.C:
			return row, errNoReport
		case <-ctx.Done():
			return row, fmt.Errorf("delivery: report: %w", ctx.Err())
		}
	}
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
	if err := o.end(ctx, e, o.successor(ctx, e)); err != nil {
		return err
	}
	o.tell(ctx, e)
	return nil
}
