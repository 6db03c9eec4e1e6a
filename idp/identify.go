package idp

import (
	"net/http"

	"twofold/idp/signin"
	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
	"twofold/twofactor"
	"twofold/ui"
)

// The first step of a sign-in: who it is, by name and password.

// identify takes name and password.
func (s *IDP) identify(w http.ResponseWriter, r *http.Request, a *attempt, _ verdict) error {
	ctx := r.Context()
	name, password := one(r, ui.FieldUserName), one(r, ui.FieldPassword)
	if !r.PostForm.Has(ui.FieldPassword) {
		return s.named(w, r, a, name)
	}
	if errs := missing(s.stepPage(r, a), name, password); errs != nil {
		s.showIdentify(w, r, a, http.StatusUnprocessableEntity, cut(name, 256), errs)
		return nil
	}
	if err := s.allowTry(r, name); err != nil {
		return err
	}
	login, err := s.Tenants.CheckPassword(ctx, name, password)
	if problem.Is(err, problem.Unauthenticated) || problem.Is(err, problem.Invalid) {
		s.Observe("wrong_password")
		if err := s.tell(ctx, a, "sign_in.wrong_password", map[string]any{"name": hashedName(s, name)}); err != nil {
			return err
		}
		s.showIdentify(w, r, a, http.StatusUnprocessableEntity, cut(name, 256), []ui.FieldError{{Field: ui.FieldPassword, Message: s.explain(r, a, err)}})
		return nil
	}
	if err != nil {
		return err
	}
	s.know(w, r, name)
	if a.req.HintUserID != "" && a.req.HintUserID != login.ID {
		// The app asked for another user (OIDC Core §3.1.2.1, id_token_hint).
		resp, err := s.deny(ctx, a, "login_required", "Another user signed in.")
		if err != nil {
			return err
		}
		return s.respond(w, r, resp)
	}
	a.is(login.User)
	a.facts.IDPID = login.IDPID
	a.facts = a.facts.Add(signin.Proof{
		Method: signin.Password, AMR: []string{"pwd"}, Strength: signin.Strength(twofactor.Strength1FA), At: a.stamp(s.Now()),
	})
	return s.identified(w, r, a)
}

// named takes the name alone: it may belong to another provider. Otherwise the password
// is asked for, whoever's name it is.
func (s *IDP) named(w http.ResponseWriter, r *http.Request, a *attempt, name string) error {
	ways, err := s.ways(r.Context())
	if err != nil {
		return err
	}
	if name == "" || !ways.nameFirst() {
		errs := missing(s.stepPage(r, a), name, "-")
		s.showIdentify(w, r, a, http.StatusUnprocessableEntity, "", errs)
		return nil
	}
	if v, ok := ways.serving(tenants.NormalName(name)); ok {
		return s.leave(w, r, a, v.ID, name)
	}
	if !ways.local {
		page := s.stepPage(r, a)
		errs := []ui.FieldError{{Field: ui.FieldUserName, Message: page.Explain(tenants.ErrNoAccount.Code, tenants.ErrNoAccount.Message)}}
		s.showIdentify(w, r, a, http.StatusUnprocessableEntity, cut(name, 256), errs)
		return nil
	}
	a.facts.Named = cut(name, 256)
	if err := s.save(r.Context(), a); err != nil {
		return err
	}
	return s.again(w, r)
}

// is notes whom a sign-in is of. What the browser's session has proven of somebody
// else proves nothing of this user.
func (a *attempt) is(user tenants.User) {
	if user.ID != a.facts.UserID {
		wants, recent := a.facts.Wants, a.facts.Recent
		a.facts, a.row.ChallengeID = signin.Facts{Silent: a.facts.Silent, Wants: wants, Recent: recent}, ""
	}
	a.facts.UserID, a.facts.Epoch = user.ID, user.CredentialEpoch
}

// identified goes on after the first factor: the best second factor's challenge
// begins at once, so the code is on its way before the page is shown (SPEC §5.2).
func (s *IDP) identified(w http.ResponseWriter, r *http.Request, a *attempt) error {
	ctx := r.Context()
	// What was begun before the first factor was proven opens nothing afterwards (I9).
	token := id.Token(s.Rand)
	a.row.BrowserHash = tenants.HashHere(ctx, token)
	if err := s.checkRemembered(r, a); err != nil {
		return err
	}
	v, err := s.judge(ctx, a)
	if err != nil {
		return lost(err)
	}
	if v.step == signin.Done {
		return s.finishNow(w, r, a, v)
	}
	if err := s.save(ctx, a); err != nil {
		return err
	}
	if err := s.capOpen(ctx, a.facts.UserID); err != nil {
		return err
	}
	s.setCookie(w, r, signInCookie(a.row.ID), token, signInLife)
	return s.proceed(w, r, a, v)
}

func missing(page ui.Page, name, password string) []ui.FieldError {
	var errs []ui.FieldError
	if name == "" {
		errs = append(errs, ui.FieldError{Field: ui.FieldUserName, Message: page.Say("field.username-missing")})
	}
	if password == "" {
		errs = append(errs, ui.FieldError{Field: ui.FieldPassword, Message: page.Say("field.password-missing")})
	}
	return errs
}
