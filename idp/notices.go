package idp

import (
	"context"
	"time"

	"twofold/internal/audit"
	"twofold/internal/limits"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/twofactor/delivery"
)

// perNotice bounds notices of one kind to one user (SECURITY M40).
var perNotice = limits.Limit{Burst: 1, Per: time.Hour}

// often are the events that somebody else can cause again and again.
var often = map[string]bool{"wrong_codes": true, "locked": true}

// noticeLife is for how long it makes sense to deliver a notice.
const noticeLife = 24 * time.Hour

// Notify tells a user of the tenant in ctx of something that others may have done in
// his name, by mail to his proven address. It takes part in the transaction of ctx.
// Without an address or a way to send mail it notes that in the log: the change
// itself is not undone for it.
func (s *IDP) Notify(ctx context.Context, userID string, n ceremony.Notice) error {
	user, err := s.Tenants.User(ctx, userID)
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.notifyAt(ctx, user, user.Factor("").Email, n)
}

// notifyAt tells a user at an address that is, or was, his own.
func (s *IDP) notifyAt(ctx context.Context, user tenants.User, address string, n ceremony.Notice) error {
	if often[n.Event] {
		ok, _, err := s.Limits.Take(ctx, perNotice, "notice", user.ID, n.Event)
		if err != nil || !ok {
			return err
		}
	}
	now := s.Now()
	return s.mail(ctx, user, address, twofactor.Letter{
		Kind: twofactor.LetterNotice,
		Vars: map[string]string{
			"Event": n.Event, "Detail": n.Detail, "At": now.UTC().Format(time.RFC3339), "Address": audit.OriginOf(ctx).Address,
		},
	}, now.Add(noticeLife))
}

// mail sends a letter of the house to a user, by the mail instance of the tenant.
func (s *IDP) mail(ctx context.Context, user tenants.User, address string, l twofactor.Letter, until time.Time) error {
	sender, ok, err := s.Tenants.MailSender(ctx)
	if err != nil {
		return err
	}
	if !ok || address == "" {
		s.Log.WarnContext(ctx, "user not told: no address or no way to send mail", "user", user.ID, "letter", l.Kind, "event", l.Vars["Event"])
		return nil
	}
	tenant := tenants.RealmFrom(ctx).Tenant
	l.Medium, l.Locale = twofactor.ByMail, user.Locale
	if l.Locale == "" {
		l.Locale = tenant.Locale
	}
	l.Vars["Name"], l.Vars["Realm"], l.Vars["Host"] = user.DisplayName, tenant.Title, s.hostIn(ctx)
	m, err := s.Compose(ctx, l)
	if err != nil {
		return err
	}
	m.To, m.Masked, m.ExpiresAt = address, masked(address), until
	return s.Outbox.Enqueue(ctx, delivery.Item{TwoFactorID: sender, UserID: user.ID, Kind: l.Kind, Message: m})
}
