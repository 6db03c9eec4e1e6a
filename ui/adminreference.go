package ui

// AdminReference is the reference of an API on one page.
type AdminReference struct {
	AdminPage
	Downloads []Link // the document itself
	Groups    []AdminTag
	Schemas   []AdminSchema
}

// Template implements View.
func (AdminReference) Template() string { return "admin-reference" }

// AdminTag is a group of operations.
type AdminTag struct {
	ID, Name, Text string
	Operations     []AdminOperation
}

// AdminOperation is one operation. Its ID is its anchor.
type AdminOperation struct {
	ID, Method, Path, Summary string
	Text                      string // may be empty
	Access                    string // who may: "SubscriptionAdmin, TenantAdmin"; may be empty
	Params                    []AdminParam
	BodyType                  string // "application/json"
	Body                      []AdminParam
	BodySchema                Link // to a schema of the page; may be empty
	Responses                 []AdminResponse
}

// AdminParam is a parameter of an operation or a field of a body or schema.
type AdminParam struct {
	Name, In, Type, Text string // In is path, query or header; of a body empty
	Required             bool
	TypeURL              string // "#schema-User"; may be empty
}

// AdminResponse is one answer of an operation.
type AdminResponse struct {
	Status, Text string
	Schema       Link // may be empty
}

// AdminSchema is a named type of the API. Its ID is its anchor.
type AdminSchema struct {
	ID, Name, Text string
	Fields         []AdminParam
}
