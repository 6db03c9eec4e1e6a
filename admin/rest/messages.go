package rest

import (
	"context"
	"net/http"
	"time"

	"twofold/admin"
	"twofold/twofactor"
	"twofold/twofactor/delivery"
)

// Message is a line of the delivery log. It holds no content and no full address.
type Message struct {
	ID             string     `json:"id" doc:"Its id."`
	TenantID       string     `json:"tenant" doc:"Id of the tenant."`
	Tenant         string     `json:"tenant_name" doc:"What the tenant is called."`
	TwoFactorID    string     `json:"two_factor" doc:"Id of the TwoFactor instance that sends it."`
	TwoFactor      string     `json:"two_factor_name" doc:"What the instance is called."`
	UserID         string     `json:"user" doc:"Id of the user."`
	User           string     `json:"user_name" doc:"What the user is called."`
	Masked         string     `json:"to" doc:"Where it goes, with most of it hidden." example:"•••••• 67"`
	Kind           string     `json:"kind" doc:"What kind of message it is: code, enrol, reset or notice; test: an administrator's test of the instance, which carries no code." example:"code"`
	Medium         string     `json:"medium" doc:"mail or sms; empty before an instance took it."`
	State          string     `json:"state" enum:"queued,sending,sent,failed,expired" doc:"How far it is."`
	ProviderID     string     `json:"provider_id" doc:"What the provider calls it."`
	ProviderStatus string     `json:"provider_status" doc:"What the provider said last."`
	ErrorClass     string     `json:"error_class" doc:"Whose fault the last failure was: retry, recipient, account or content; empty: none."`
	Error          string     `json:"error" doc:"All failures, the last one at the end; empty when it was sent."`
	Attempts       int64      `json:"attempts" doc:"How often it was tried."`
	Segments       int64      `json:"segments" doc:"Parts that are billed."`
	FellFrom       string     `json:"fell_from" doc:"Id of the message that failed before this one took its place."`
	CreatedAt      time.Time  `json:"created_at" doc:"When it was written."`
	DoneAt         *time.Time `json:"done_at,omitempty" doc:"When it was over."`
	ReportedAt     *time.Time `json:"reported_at,omitempty" doc:"When the provider told how it ended."`
}

// MessageAccount is a message with the story that it is a part of.
type MessageAccount struct {
	Message
	Chain []Message `json:"chain" doc:"The messages that took each other's place, in their order, with this one among them: the last one carries the code."`
}

func (a *API) messages() {
	const path = "/subscriptions/{subscription}/messages"
	act[none, List[Message]](a, spec{
		id: "messages.list", method: http.MethodGet, path: path, summary: "List messages", action: admin.MessageRead,
		about: "The delivery log: each message that was to bring a code or a notice, newest first.",
		list: &lists{[]filter{
			{delivery.FilterState, "How far it is.", []string{delivery.Queued, delivery.Sending, delivery.Sent, delivery.Failed, delivery.Expired}},
			{delivery.FilterTwoFactor, "Id of the TwoFactor instance.", nil},
			{delivery.FilterUser, "Id of the user.", nil},
			{delivery.FilterTenant, "Id of the tenant.", nil},
			{delivery.FilterKind, "What kind of message it is.", nil},
			{delivery.FilterMedium, "How it travels.", []string{string(twofactor.ByMail), string(twofactor.BySMS)}},
			{delivery.FilterErrorClass, "Whose fault its last failure was.", []string{"retry", "recipient", "account", "content"}},
			{delivery.FilterFrom, "Written then or later, such as 2027-01-31T12:00:00Z.", nil},
			{delivery.FilterTo, "Written before then.", nil},
		}, []string{"-created"}},
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		q, err := pageQuery(c.Request)
		if err != nil {
			return nil, err
		}
		p, err := a.Admin.MessageLog(ctx, c.who, c.subscription, q)
		return listed(c, p.Page, func(e delivery.Entry) Message { return showMessage(e, p.Names) }), err
	})
	act[none, MessageAccount](a, spec{
		id: "messages.get", method: http.MethodGet, path: path + "/{id}", summary: "Show a message, with those that took its place", action: admin.MessageRead,
	}, func(ctx context.Context, c *call, _ none) (*answer, error) {
		m, names, err := a.Admin.Message(ctx, c.who, c.subscription, c.id)
		out := MessageAccount{Message: showMessage(m.Entry, names), Chain: []Message{}}
		for _, e := range m.Chain {
			out.Chain = append(out.Chain, showMessage(e, names))
		}
		return &answer{body: out}, err
	})
}

func showMessage(e delivery.Entry, names admin.Names) Message {
	return Message{
		ID: e.ID, TenantID: e.TenantID, Tenant: nameIn(names, "tenant", e.TenantID), TwoFactorID: e.TwoFactorID, TwoFactor: nameIn(names, "two_factor", e.TwoFactorID),
		UserID: e.UserID, User: nameIn(names, "user", e.UserID), Masked: e.Masked, Kind: e.Kind, Medium: e.Medium, State: e.State,
		ProviderID: e.ProviderID, ProviderStatus: e.ProviderStatus, ErrorClass: e.ErrorClass, Error: e.Error, Attempts: e.Attempts, Segments: e.Segments,
		FellFrom: e.FellFrom, CreatedAt: e.CreatedAt, DoneAt: e.DoneAt, ReportedAt: e.ReportedAt,
	}
}
