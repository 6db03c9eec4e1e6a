// Command twofold-api-client lets a client that a public generator has made from the
// OpenAPI document administer Twofold: a machine signs in, makes a TwoFactor instance,
// finds it invalid, configures and assigns it, and asks what a sign-in would be asked.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"twofold-api-client/api"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Getenv("TWOFOLD_URL"), os.Getenv("TWOFOLD_SECRET")); err != nil {
		log.Fatal("not ok - generated client: ", err)
	}
	fmt.Println("ok - generated client: created, configured and assigned an instance")
}

func run(ctx context.Context, server, secret string) error {
	token, err := signIn(ctx, server+"/t/acme/token", "robot", secret)
	if err != nil {
		return err
	}
	c, err := api.NewClientWithResponses(server, api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		return err
	}
	me, err := c.MeGetWithResponse(ctx)
	if err != nil {
		return err
	}
	if me.JSON200 == nil || len(me.JSON200.Roles) != 1 {
		return fmt.Errorf("who am I: %s", me.Body)
	}
	subs, err := c.SubscriptionsListWithResponse(ctx, nil)
	if err != nil || subs.JSON200 == nil || len(subs.JSON200.Items) != 1 {
		return fmt.Errorf("subscriptions: %v", err)
	}
	sub := subs.JSON200.Items[0].Id
	realms, err := c.TenantsListWithResponse(ctx, sub, nil)
	if err != nil || realms.JSON200 == nil || len(realms.JSON200.Items) != 1 {
		return fmt.Errorf("tenants: %v", err)
	}
	tenant := realms.JSON200.Items[0].Id

	sender := map[string]any{"EMailSenderAddress": "codes@example.test"}
	made, err := c.TwoFactorsCreateWithResponse(ctx, sub, nil, api.TwoFactorCreate{Name: "Mail code", Type: "email", Options: &sender})
	if err != nil || made.JSON201 == nil {
		return fmt.Errorf("create: %v %s", err, made.Body)
	}
	if s := made.JSON201.State; s.Word != "invalid" || !strings.Contains(s.Reason, "MailServerConfig") {
		return fmt.Errorf("an incomplete instance is %+v", s)
	}
	mailServer := map[string]any{"MailServerConfig": map[string]any{
		"MailType": "SMTP", "Host": "127.0.0.1", "Port": 2525, "EnableSSL": false,
	}}
	tag := made.HTTPResponse.Header.Get("ETag")
	set, err := c.TwoFactorsUpdateWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, sub, made.JSON201.Id,
		&api.TwoFactorsUpdateParams{IfMatch: tag}, api.TwoFactorUpdate{Options: &mailServer})
	if err != nil || set.JSON200 == nil {
		return fmt.Errorf("configure: %v %s", err, set.Body)
	}
	if s := set.JSON200.State; s.Word != "untested" {
		return fmt.Errorf("a configured instance is %+v", s)
	}
	late, err := c.TwoFactorsUpdateWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, sub, made.JSON201.Id,
		&api.TwoFactorsUpdateParams{IfMatch: tag}, api.TwoFactorUpdate{Options: &mailServer})
	if err != nil || late.StatusCode() != http.StatusPreconditionFailed {
		return fmt.Errorf("an old version: %v %d", err, late.StatusCode())
	}
	required := true
	assigned, err := c.AssignmentsCreateWithResponse(ctx, sub, nil, api.AssignmentCreate{
		TwoFactor: made.JSON201.Id, Level: "tenant", Target: tenant, Required: &required,
	})
	if err != nil || assigned.JSON201 == nil {
		return fmt.Errorf("assign: %v %s", err, assigned.Body)
	}
	return explained(ctx, c, sub, tenant)
}

// explained asks what the sample user would be asked now.
func explained(ctx context.Context, c *api.ClientWithResponses, sub, tenant openapi_types.UUID) error {
	people, err := c.UsersListWithResponse(ctx, sub, nil)
	if err != nil || people.JSON200 == nil || len(people.JSON200.Items) != 1 {
		return fmt.Errorf("users: %v", err)
	}
	why, err := c.PolicyExplainWithResponse(ctx, sub, tenant, &api.PolicyExplainParams{User: people.JSON200.Items[0].Id.String()})
	if err != nil || why.JSON200 == nil {
		return fmt.Errorf("explain: %v %s", err, why.Body)
	}
	if !strings.Contains(string(why.Body), "a second factor is asked for: Mail code") {
		return fmt.Errorf("explain: %s", why.Body)
	}
	return nil
}

// signIn gets a token by client credentials (RFC 6749 §4.4).
func signIn(ctx context.Context, endpoint, id, secret string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, secret)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var out struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return "", err
	}
	if out.Token == "" {
		return "", errors.New("token: " + out.Error)
	}
	return out.Token, nil
}
