package console

import (
	"errors"
	"io"
	"net/http"

	"github.com/gorilla/mux"

	"twofold/admin"
	"twofold/internal/problem"
	"twofold/internal/web"
	"twofold/ui"
)

// logoOf is how the logo of one kind of thing is changed.
type logoOf[V any] struct {
	set    func(d *desk, file []byte) error
	sample func(d *desk, v V) (*ui.AdminPreviewSignIn, error)
	write  admin.Action
}

const (
	fieldLogo = "logo"
	logoTypes = "image/png,image/jpeg"
	// maxUpload is the largest form that comes with a picture.
	maxUpload = admin.MaxLogo + 64<<10
)

func mountLogo[V any](c *Console, s *mux.Router, r resource[V], l logoOf[V]) {
	base := "/" + r.path + "/{id}/logo"
	s.HandleFunc(base, c.at(func(d *desk) error { return l.ask(d, r, nil) })).Methods(http.MethodGet, http.MethodHead)
	s.HandleFunc(base, c.at(func(d *desk) error { return l.save(d, r) })).Methods(http.MethodPost).Name(r.operation + ".logo.set")
	s.HandleFunc(base+"/remove", c.at(func(d *desk) error { return l.remove(d, r) })).Methods(http.MethodPost).Name(r.operation + ".logo.delete")
}

// ask shows the form, with the page as it would look.
func (l logoOf[V]) ask(d *desk, r resource[V], errs []ui.FieldError) error {
	v, err := r.things(d).Get(d.r.Context(), d.who, d.sub.ID, d.id())
	if err != nil {
		return err
	}
	if !d.may(l.write) {
		return errMayNot
	}
	file := required(text(fieldLogo, "Picture", "", "A PNG or JPEG file of at most 128 KiB and 1024 pixels on each side. Square ones look best. It is drawn anew, so nothing hidden in it is kept."))
	file.Draw, file.Accept = ui.DrawFile, logoTypes
	p := ui.AdminForm{
		AdminPage: d.frame("Logo of " + r.name(v)), Action: d.path(r.path, d.id(), "logo"), Sections: []ui.AdminSection{{Fields: []ui.AdminField{file}}},
		Errors: errs, Save: "Save logo", CancelURL: d.path(r.path, d.id()),
	}
	p.Crumbs = []ui.Link{{Text: r.title, URL: d.path(r.path)}, {Text: r.name(v), URL: p.CancelURL}}
	if p.SignIn, err = l.sample(d, v); err != nil {
		return err
	}
	p.SignIn.LogoField = fieldLogo
	return d.render(status(errs), p)
}

func (l logoOf[V]) save(d *desk, r resource[V]) error {
	file, err := d.upload(fieldLogo)
	if err == nil {
		err = l.set(d, file)
	}
	if errs, ok := atFields(err); ok {
		return l.ask(d, r, errs)
	}
	if err != nil {
		return err
	}
	return d.done(d.path(r.path, d.id()), "The logo is saved. It is on the sign-in page from now on.", nil)
}

func (l logoOf[V]) remove(d *desk, r resource[V]) error {
	if _, err := d.posted(); err != nil {
		return err
	}
	if err := l.set(d, nil); err != nil {
		return err
	}
	return d.done(d.path(r.path, d.id()), "The logo is gone.", nil)
}

var (
	errNoFile  = &problem.Error{Kind: problem.Invalid, Code: "invalid", Message: "Choose a file.", Fields: []problem.Field{{Name: fieldLogo, Message: "Choose a file."}}}
	errBigFile = &problem.Error{Kind: problem.Invalid, Code: "too_large", Message: "Too large.", Fields: []problem.Field{{Name: fieldLogo, Message: "This file is too large: 128 KiB at most."}}}
)

// upload reads the one file of a form.
func (d *desk) upload(name string) ([]byte, error) {
	if err := d.cross.Check(d.r); err != nil {
		return nil, problem.Wrap(problem.Forbidden, "cross_origin", "This form was sent from another site.", err)
	}
	web.AllowBody(d.w, d.r, maxUpload)
	err := d.r.ParseMultipartForm(maxUpload)
	if err == nil {
		defer func() { _ = d.r.MultipartForm.RemoveAll() }()
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errBigFile
	case err != nil:
		return nil, problem.Wrap(problem.Invalid, "form", "The form could not be read.", err)
	}
	files := d.r.MultipartForm.File[name]
	if len(files) != 1 || files[0].Size == 0 {
		return nil, errNoFile
	}
	f, err := files[0].Open()
	if err != nil {
		return nil, problem.Wrap(problem.Invalid, "form", "The file could not be read.", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, admin.MaxLogo+1))
	if err != nil {
		return nil, problem.Wrap(problem.Invalid, "form", "The file could not be read.", err)
	}
	return content, nil
}

// logoPart tells on a thing's page whether it has a logo, and leads to another.
func logoPart(d *desk, path, id, url string, may bool) ui.AdminPart {
	part := ui.AdminPart{ID: "logo", Title: "Logo", Intro: "There is none: its first letter stands in its place."}
	if url != "" {
		part.Intro = "A picture is set."
	}
	if !may {
		return part
	}
	part.Buttons = []ui.AdminButton{{Label: yesNo(url != "", "Change logo", "Add logo"), URL: d.path(path, id, "logo")}}
	if url != "" {
		part.Buttons = append(part.Buttons, ui.AdminButton{Label: "Remove logo", URL: d.path(path, id, "logo", "remove"), Post: true})
	}
	return part
}
