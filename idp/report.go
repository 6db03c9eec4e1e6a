package idp

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"

	"twofold/internal/id"
	"twofold/internal/problem"
	"twofold/tenants"
)

// ReportURL is where a service may tell how the messages of an instance fared; ctx
// speaks for the tenant. It is below the server's own address, whatever host name the tenant
// has: people never see it. Empty where nobody outside could reach us.
func (s *IDP) ReportURL(ctx context.Context, twoFactorID string) string {
	realm := tenants.RealmFrom(ctx)
	if realm.Tenant.Name == "" {
		var err error
		if realm, err = s.Tenants.RealmOf(ctx); err != nil {
			return ""
		}
	}
	return s.PublicURL + "/t/" + realm.Tenant.Name + "/report/" + twoFactorID
}

// report takes what a service says about a message it took earlier. Whether the call
// is the service's own, its factor decides.
func (s *IDP) report(w http.ResponseWriter, r *http.Request) error {
	twoFactorID := mux.Vars(r)["two_factor"]
	if !id.Valid(twoFactorID) {
		return errNoPage
	}
	if err := r.ParseForm(); err != nil {
		return problem.Wrap(problem.Invalid, "form", "The form could not be read.", err)
	}
	if err := s.Outbox.Report(r.Context(), twoFactorID, s.ReportURL(r.Context(), twoFactorID), r.Header, r.PostForm); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
