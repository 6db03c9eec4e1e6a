package console

import (
	"net/http"

	"twofold/ui"
)

// Reference is the API as its page shows it.
type Reference struct {
	Groups    []ui.AdminTag
	Downloads []ui.Link // the document itself
}

// reference shows all operations of the API. It needs nothing from elsewhere.
func reference(d *desk) error {
	v := ui.AdminReference{AdminPage: d.frame("API reference")}
	all := d.Reference()
	v.Groups, v.Downloads = all.Groups, all.Downloads
	v.Intro = "All that these pages do, by HTTP and JSON. Call it with an access token of any tenant of this server that has the scope admin: of a machine that has a role, or of a user who signed in with a second factor."
	return d.render(http.StatusOK, v)
}
