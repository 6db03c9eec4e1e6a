package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"

	"twofold/ui"
)

func (c *Console) mountSearch(s *mux.Router) {
	s.HandleFunc("/search", c.at(search)).Methods(http.MethodGet, http.MethodHead).Name("search.get")
}

// search finds things of a subscription, each with the way to its page.
func search(d *desk) error {
	text := strings.TrimSpace(d.r.URL.Query().Get(ui.FieldQuery))
	v := ui.AdminSearch{AdminPage: d.frame("Search")}
	v.Asked = text
	v.Empty = ui.AdminEmpty{Title: "What are you looking for?", Text: "Type what a name, an address or a client ID begins with, or an ID as it stands in a log."}
	if text == "" {
		return d.render(http.StatusOK, v)
	}
	found, err := d.Admin.Search(d.r.Context(), d.who, d.sub.ID, text)
	if err != nil {
		return err
	}
	v.Heading = "Search for “" + text + "”"
	v.Empty = ui.AdminEmpty{Title: "Nothing found", Text: "Nothing that you can see begins with this. Type fewer letters, or try another spelling."}
	for _, kind := range found {
		it := entityOf(kind.Kind)
		g := ui.AdminHits{Title: it.noun + "s"}
		for _, h := range kind.Items {
			g.Hits = append(g.Hits, ui.AdminItem{Title: h.Name, Detail: h.Second, URL: d.path(it.path, h.ID)})
		}
		if kind.More {
			g.More = ui.Link{Text: "All that begin with it", URL: d.path(it.path) + "?" + ui.FieldSearch + "=" + url.QueryEscape(text)}
		}
		v.Groups = append(v.Groups, g)
	}
	return d.render(http.StatusOK, v)
}
