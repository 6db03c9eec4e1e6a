package idp

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"twofold/internal/audit"
	"twofold/internal/limits"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/twofactor/ceremony"
	"twofold/ui"
)

// A forgotten password is chosen anew by a mailed link. It says nothing about who has
// an account, signs nobody in, and goes round no second factor (SPEC §5.9).

var (
	perMailedUser   = limits.Limit{Burst: 3, Per: time.Hour}  // mails to one user
	perResetNetwork = limits.Limit{Burst: 20, Per: time.Hour} // and asked for from one network
)

// allowMail bounds the mails that anybody can have sent to a user.
func (s *IDP) allowMail(ctx context.Context, userID string) error {
	ok, after, err := s.Limits.Take(ctx, perMailedUser, "mailed", userID)
	if err != nil {
		return err
	}
	if !ok {
		return problem.Busy(problem.TooMany, "too_many_sends", "We have sent several codes there already.", after)
	}
	return nil
}

func (s *IDP) showReset(w http.ResponseWriter, r *http.Request) error {
	s.UI.Render(w, r, http.StatusOK, ui.ResetAsk{Page: s.chrome(r, ""), Action: r.URL.Path})
	return nil
}

// askReset answers the same, in the same time, whoever is asked for: the work is done
// after the answer.
func (s *IDP) askReset(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(r); err != nil {
		return err
	}
	ctx := r.Context()
	name := cut(one(r, ui.FieldUserName), 256)
	page := s.chrome(r, "")
	if tenants.NormalName(name) == "" {
		s.UI.Render(w, r, http.StatusUnprocessableEntity, ui.ResetAsk{Page: page, Action: r.URL.Path, Error: page.Say("field.username-missing")})
		return nil
	}
	ok, after, err := s.Limits.Take(ctx, perResetNetwork, "reset", web.Network(audit.OriginOf(ctx).Address))
	if err != nil {
		return err
	}
	if !ok {
		return problem.Busy(problem.TooMany, "reset_tries", "There were many requests of this kind. Please wait before you try again.", after)
	}
	s.background.Go(func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer stop()
		if err := s.sendReset(ctx, name); err != nil {
			s.Log.WarnContext(ctx, "reset link not sent", "request", web.RequestID(ctx), "error", err)
		}
	})
	http.Redirect(w, r, path(r, "/reset/sent"), http.StatusSeeOther)
	return nil
}

func (s *IDP) showResetSent(w http.ResponseWriter, r *http.Request) error {
	s.UI.Render(w, r, http.StatusOK, ui.ResetSent{Page: s.chrome(r, ""), Minutes: int(linkLife / time.Minute), AgainURL: path(r, "/reset")})
	return nil
}

// sendReset mails a link to whoever signs in by name, if that is anybody with a proven
// address.
func (s *IDP) sendReset(ctx context.Context, name string) error {
	event := audit.Event{Kind: "password.reset_asked"}
	user, ok, err := s.Tenants.PersonByLogin(ctx, name)
	if err != nil {
		return err
	}
	address := user.Factor("").Email
	if !ok || address == "" {
		return s.Audit.Record(ctx, event, map[string]any{"name": hashedName(s, name), "sent": false})
	}
	if err := s.allowMail(ctx, user.ID); err != nil {
		return err
	}
	event.User = user.ID
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		token, err := s.newLink(ctx, linkReset, user, tenants.NormalName(name), linkLife)
		if err != nil {
			return err
		}
		link := s.addressIn(ctx, "/reset/password") + "?" + url.Values{linkParameter: {token}}.Encode()
		err = s.mail(ctx, user, address, twofactor.Letter{
			Kind: twofactor.LetterReset, Vars: map[string]string{"Link": link, "Minutes": strconv.Itoa(int(linkLife / time.Minute))},
		}, s.Now().Add(linkLife))
		if err != nil {
			return err
		}
		return s.Audit.Record(ctx, event, map[string]any{"to": masked(address), "sent": true})
	})
}

// showNewPassword asks for the new password. Opening the link uses nothing up.
func (s *IDP) showNewPassword(w http.ResponseWriter, r *http.Request) error {
	token := r.URL.Query().Get(linkParameter)
	row, err := s.link(r.Context(), linkReset, token)
	if err != nil {
		return err
	}
	s.drawNewPassword(w, r, http.StatusOK, r.URL.RequestURI(), s.holdsSecond(r.Context(), row.UserID), nil)
	return nil
}

// drawNewPassword draws the form. wrong is why the last one was refused.
func (s *IDP) drawNewPassword(w http.ResponseWriter, r *http.Request, status int, action string, withSecond bool, wrong error) {
	page := s.chrome(r, "")
	v := ui.ResetPassword{Page: page, Action: action, Rules: passwordRules(page, withSecond)}
	if wrong != nil {
		p := problem.From(wrong)
		v.Error = page.Explain(p.Code, p.Message)
	}
	s.UI.Render(w, r, status, v)
}

// setNewPassword uses the link up and sets the password, both or neither. All sessions
// of the user end, and he signs in as ever, second factor included.
func (s *IDP) setNewPassword(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(r); err != nil {
		return err
	}
	token, password := r.URL.Query().Get(linkParameter), one(r, ui.FieldPassword)
	row, err := s.link(r.Context(), linkReset, token)
	if err != nil {
		return err
	}
	user, err := s.Tenants.User(r.Context(), row.UserID)
	if err != nil {
		return err
	}
	// Outside of the transaction: a refused password must not use the link up, and
	// hashing must not hold the database.
	withSecond := s.holdsSecond(r.Context(), user.ID)
	set, err := s.Tenants.NewPassword(r.Context(), user, password, withSecond)
	if problem.Is(err, problem.Invalid) {
		s.drawNewPassword(w, r, http.StatusUnprocessableEntity, r.URL.RequestURI(), withSecond, err)
		return nil
	}
	if err != nil {
		return err
	}
	err = s.DB.Tx(r.Context(), func(ctx context.Context) error {
		if _, err := s.useLink(ctx, linkReset, token); err != nil {
			return err
		}
		if err := set(ctx); err != nil {
			return err
		}
		if err := s.endAll(ctx, user.ID, "", "password reset"); err != nil {
			return err
		}
		if err := s.Audit.Record(ctx, audit.Event{Kind: "password.reset", Actor: user.ID, User: user.ID}, map[string]any{}); err != nil {
			return err
		}
		return s.Notify(ctx, user.ID, ceremony.Notice{Event: "password_changed"})
	})
	if err != nil {
		return err
	}
	s.know(w, r, row.Detail) // he reads the owner's mail
	s.UI.Render(w, r, http.StatusOK, ui.ResetDone{Page: s.chrome(r, ""), SignInURL: path(r, "/account")})
	return nil
}

// holdsSecond reports whether the rules for passwords beside a second factor apply.
func (s *IDP) holdsSecond(ctx context.Context, userID string) bool {
	st, err := s.Ceremony.Standing(ctx, userID)
	return err == nil && len(st.Count) > 0
}

// passwordRules are the rules for a new password, in words.
func passwordRules(p ui.Page, withSecond bool) []string {
	least := tenants.MinPasswordAlone
	if withSecond {
		least = tenants.MinPasswordWithMFA
	}
	return []string{p.Say("password.rule-length", "n", least), p.Say("password.rule-common"), p.Say("password.rule-own")}
}

// ownForm checks that a post comes from a page of ours, and reads it.
func (s *IDP) ownForm(r *http.Request) error {
	if err := s.cross.Check(r); err != nil {
		return problem.Wrap(problem.Forbidden, "cross_origin", "This form was sent from another site.", err)
	}
	if err := r.ParseForm(); err != nil {
		return problem.Wrap(problem.Invalid, "form", "The form could not be read.", err)
	}
	return nil
}
