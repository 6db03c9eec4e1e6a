package idp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"gorm.io/gorm/clause"

	"twofold/internal/db"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// A mailed link holds 256 random bits, of which the hash is kept. Opening it changes
// nothing, for mail scanners open links too: the page's form uses it up. Of several
// for one purpose only the newest works, and none outlives a change of what the user
// proves himself with.

type linkRow struct {
	TenantID        string `gorm:"primaryKey"`
	TokenHash       string `gorm:"primaryKey"`
	Purpose         string
	UserID          string
	CredentialEpoch int64
	Detail          string
	CreatedAt       time.Time
	ExpiresAt       time.Time
	UsedAt          *time.Time
}

func (*linkRow) TableName() string { return "mailed_links" }

// Purposes of links.
const (
	linkReset = "reset" // to choose a new password; detail: the name that was asked for
	linkEnrol = "enrol" // to set up a second factor; detail: sign-in and instance
)

const (
	linkLife      = 30 * time.Minute // SECURITY N26
	linkParameter = "link"
)

var errLinkOver = problem.New(problem.Gone, "link_over", "This link can no longer be used. Ask for a new one.")

// newLink makes a link's token and ends those before it.
func (s *IDP) newLink(ctx context.Context, purpose string, user tenants.User, detail string, life time.Duration) (token string, err error) {
	now := db.Micros(s.Now())
	token = id.Token(s.Rand)
	row := linkRow{
		TokenHash: tenants.HashHere(ctx, token), Purpose: purpose, UserID: user.ID, CredentialEpoch: user.CredentialEpoch, Detail: detail,
		CreatedAt: now, ExpiresAt: now.Add(life),
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		err := s.DB.For(ctx).Model(&linkRow{}).Where("user_id = ? AND purpose = ? AND used_at IS NULL", user.ID, purpose).
			Updates(map[string]any{"used_at": now}).Error
		if err != nil {
			return err
		}
		return s.DB.For(ctx).Create(&row).Error
	})
	if err != nil {
		return "", fmt.Errorf("idp: link: %w", err)
	}
	return token, nil
}

// link finds a link that would still work.
func (s *IDP) link(ctx context.Context, purpose, token string) (linkRow, error) {
	var row linkRow
	err := s.DB.For(ctx).Where("token_hash = ? AND purpose = ? AND used_at IS NULL AND expires_at > ?", tenants.HashHere(ctx, token), purpose, s.Now()).Take(&row).Error
	if db.IsNotFound(err) || len(token) > 64 {
		return linkRow{}, errLinkOver
	}
	if err != nil {
		return linkRow{}, fmt.Errorf("idp: link: %w", err)
	}
	return row, s.linkStands(ctx, row)
}

// linkStands refuses a link older than a change of the user's credentials.
func (s *IDP) linkStands(ctx context.Context, row linkRow) error {
	user, err := s.Tenants.User(ctx, row.UserID)
	if problem.Is(err, problem.NotFound) || (err == nil && (!user.Active || user.CredentialEpoch != row.CredentialEpoch)) {
		return errLinkOver
	}
	return err
}

// useLink uses a link up: of any number at once one does. It holds the user for the
// rest of the caller's transaction.
func (s *IDP) useLink(ctx context.Context, purpose, token string) (linkRow, error) {
	now := db.Micros(s.Now())
	var rows []linkRow
	err := s.DB.For(ctx).Model(&rows).Clauses(clause.Returning{}).
		Where("token_hash = ? AND purpose = ? AND used_at IS NULL AND expires_at > ?", tenants.HashHere(ctx, token), purpose, now).
		Updates(map[string]any{"used_at": now}).Error
	switch {
	case err != nil:
		return linkRow{}, fmt.Errorf("idp: use link: %w", err)
	case len(rows) != 1:
		return linkRow{}, errLinkOver
	}
	err = s.Tenants.HoldUser(ctx, rows[0].UserID, rows[0].CredentialEpoch)
	if errors.Is(err, tenants.ErrChanged) {
		err = errLinkOver
	}
	return rows[0], err
}

// byLink reports whether setting c up must begin with a link that is mailed, and that
// link has not been opened in this sign-in yet.
func (s *IDP) byLink(ctx context.Context, a *attempt, c tenants.Candidate) (bool, error) {
	inst, err := s.Tenants.Open(ctx, c.ID)
	if err != nil {
		return false, problem.Wrap(problem.Unavailable, "factor_failed", "The second factor does not work at the moment. Please try again in a little while.", err)
	}
	f, ok := inst.Factor.(twofactor.LinkEnroller)
	return ok && f.EnrollByLink() && a.facts.Linked != c.ID, nil
}

// mailEnrolLink sends the link that setting c up begins with. It leads back into this
// very sign-in, so it must be opened in this browser.
func (s *IDP) mailEnrolLink(w http.ResponseWriter, r *http.Request, a *attempt, c tenants.Candidate) error {
	ctx := r.Context()
	user := a.user
	address := user.Factor("").Email
	_, sends, err := s.Tenants.MailSender(ctx)
	if err != nil {
		return err
	}
	if address == "" || !sends {
		return problem.New(problem.Forbidden, "mail_missing", "We cannot mail you a link. Please ask your administrator.")
	}
	if err := s.allowMail(ctx, user.ID); err != nil {
		return err
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		token, err := s.newLink(ctx, linkEnrol, user, a.row.ID+" "+c.ID, signInLife)
		if err != nil {
			return err
		}
		link := s.addressIn(ctx, "/signin/"+a.row.ID) + "?" + url.Values{linkParameter: {token}}.Encode()
		return s.mail(ctx, user, address, twofactor.Letter{
			Kind: twofactor.LetterEnrol, Vars: map[string]string{"Link": link, "Minutes": "10"},
		}, s.Now().Add(signInLife))
	})
	if err != nil {
		return err
	}
	if err := s.Ceremony.Close(ctx, a.row.ID); err != nil {
		return err
	}
	a.row.ChallengeID, a.facts.Picked = "", c.ID
	if err := s.save(ctx, a); err != nil {
		return err
	}
	return s.again(w, r)
}

// showLinkSent says where the link went.
func (s *IDP) showLinkSent(w http.ResponseWriter, r *http.Request, a *attempt, more bool) {
	s.UI.Render(w, r, http.StatusOK, ui.LinkSent{
		Page: s.stepPage(r, a), Action: r.URL.Path, UserName: a.name(), Destination: masked(a.user.Factor("").Email),
		Minutes: int(signInLife / time.Minute), Method: a.facts.Picked, MayChoose: more, CanCancel: true,
	})
}

// showEnrolLink asks before a mailed link is used up.
func (s *IDP) showEnrolLink(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	token := r.URL.Query().Get(linkParameter)
	row, err := s.link(r.Context(), linkEnrol, token)
	if err == nil && row.UserID != a.facts.UserID {
		err = errLinkOver
	}
	if errors.Is(err, errLinkOver) {
		return s.showEnroll(w, r, a, v, http.StatusGone, s.explain(r, a, err))
	}
	if err != nil {
		return err
	}
	s.UI.Render(w, r, http.StatusOK, ui.LinkOpened{Page: s.stepPage(r, a), Action: r.URL.Path, UserName: a.name(), Link: token, CanCancel: true})
	return nil
}

// answerLink uses up the mailed link, and begins to set up what it is for.
func (s *IDP) answerLink(w http.ResponseWriter, r *http.Request, a *attempt, v verdict) error {
	ctx := r.Context()
	var row linkRow
	err := s.DB.Tx(ctx, func(ctx context.Context) (err error) {
		row, err = s.useLink(ctx, linkEnrol, one(r, ui.FieldLink))
		return err
	})
	if err == nil {
		for _, c := range s.settable(a, v) {
			if row.Detail == a.row.ID+" "+c.ID && row.UserID == a.facts.UserID {
				a.facts.Linked = c.ID
				return s.setUp(w, r, a, c)
			}
		}
		err = errLinkOver
	}
	if errors.Is(err, errLinkOver) {
		return s.showEnroll(w, r, a, v, http.StatusGone, s.explain(r, a, err))
	}
	return err
}
