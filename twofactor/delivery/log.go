package delivery

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Status is what a page tells about the last message of a challenge.
type Status struct {
	State  string // Queued …; empty when there is none
	Class  string // of the last failure: retry, recipient, account, content
	Masked string // where it goes to
	// Via and FellFrom are set when another instance took over: Via carries the
	// code now, instead of FellFrom, which was asked first.
	Via, FellFrom string // ids of instances
}

// Status reports on the newest message of a challenge.
func (o *Outbox) Status(ctx context.Context, challengeID string) (Status, error) {
	var rows []messageRow
	err := o.DB.For(ctx).Select("id", "two_factor_id", "state", "error_class", "masked", "fell_from").
		Where("challenge_id = ?", challengeID).Order("id").Find(&rows).Error
	if err != nil {
		return Status{}, fmt.Errorf("delivery: status: %w", err)
	}
	if len(rows) == 0 {
		return Status{}, nil
	}
	// Ids come with the clock of the process that made them: of two processes a
	// successor's may be the older one.
	fell := map[string]bool{}
	for _, r := range rows {
		fell[r.FellFrom] = true
	}
	first, last := rows[0], rows[len(rows)-1]
	for _, r := range slices.Backward(rows) {
		if r.FellFrom == "" {
			first = r
		}
	}
	for _, r := range rows {
		if !fell[r.ID] {
			last = r
		}
	}
	st := Status{State: last.State, Class: last.ErrorClass, Masked: last.Masked}
	if last.TwoFactorID != first.TwoFactorID {
		st.Via, st.FellFrom = last.TwoFactorID, first.TwoFactorID
	}
	return st, nil
}

// Entry is a line of the delivery log. It holds no content and no full address.
type Entry struct {
	ID, TenantID, TwoFactorID, ChallengeID, UserID, Masked string
	Kind                                                   string // of the letter
	Medium                                                 string // mail or sms; empty before an instance took it
	State, ProviderID, ProviderStatus                      string
	ErrorClass                                             string // of the last failure
	Error                                                  string // all failures, the last one at the end; empty when it was sent
	Attempts, Segments                                     int64  // Segments are the parts billed: what it costs
	FellFrom                                               string // id of the entry that failed before this one took its place
	CreatedAt                                              time.Time
	DoneAt                                                 *time.Time
	ReportedAt                                             *time.Time // when the provider told how it ended
}

func (r messageRow) entry() Entry {
	return Entry{
		ID: r.ID, TenantID: r.TenantID, TwoFactorID: r.TwoFactorID, ChallengeID: r.ChallengeID, UserID: r.UserID, Masked: r.Masked,
		Kind: r.Kind, Medium: r.Medium, State: r.State, ProviderID: r.ProviderID, ProviderStatus: r.ProviderStatus,
		ErrorClass: r.ErrorClass, Error: r.Error, Attempts: r.Attempts, Segments: r.Segments, FellFrom: r.FellFrom,
		CreatedAt: r.CreatedAt, DoneAt: r.DoneAt, ReportedAt: r.ReportedAt,
	}
}

// Entries lists the newest messages of the tenant in ctx, at most n.
func (o *Outbox) Entries(ctx context.Context, n int) ([]Entry, error) {
	var rows []messageRow
	if err := o.DB.For(ctx).Order("id DESC").Limit(n).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("delivery: log: %w", err)
	}
	out := make([]Entry, len(rows))
	for i, r := range rows {
		out[i] = r.entry()
	}
	return out, nil
}
