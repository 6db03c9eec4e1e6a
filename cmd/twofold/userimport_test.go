package main

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"twofold/internal/testkit"
)

// sendFile posts the form of the import as a browser does: with a file as its last field.
func (o *office) sendFile(content string, fields ...string) *testkit.Page {
	o.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for i := 0; i < len(fields); i += 2 {
		o.must2(m.WriteField(fields[i], fields[i+1]))
	}
	name := "users.csv"
	if content == "" {
		name = ""
	}
	f, err := m.CreateFormFile("file", name)
	o.must2(err)
	_, err = f.Write([]byte(content))
	o.must2(err)
	o.must2(m.Close())
	r, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.base+"/users/import", &body)
	o.must2(err)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Origin", o.url)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return o.c.Do(r)
}

func (o *office) must2(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// TestImportPage brings users in from the list of users on: check, import, sign-in.
func TestImportPage(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, database string) {
		o := newOffice(t, database)
		form := o.open("users").RequireText("Many users at once").Link("Import users").Require(http.StatusOK)
		form.RequireText("Check the file", "Import the users", "password_hash", "Hash by another system", "at most 50,000 users")
		if !strings.Contains(form.Body, `enctype="multipart/form-data"`) {
			t.Error("the form sends no file")
		}
		file := "name,display_name,tenants,email,password_hash\n" +
			"clara,Clara Meier,system,,$2b$04$8/YcuWzY/d5FBfZN0q6zAeaYpUocVUzCsNoXpTMeJO5DQHmY30oyy\n" +
			"dora,Dora,nowhere,not an address,\n"
		o.sendFile(file, "do", "check", "existing", "skip", "tenant", "").Require(http.StatusOK).
			RequireText("File checked", "1 line at fault. An import would leave them out. Nothing was changed.", "Would be created", "Is not a mail address", "There is none with the name nowhere")
		if strings.Contains(o.open("users").Body, "Clara Meier") {
			t.Error("a check imports")
		}
		o.sendFile(file, "do", "import", "existing", "skip", "tenant", "").Require(http.StatusOK).RequireText("Users imported", "1 line at fault, and left out.", "Created")
		o.open("users").RequireText("clara", "Clara Meier")
		o.sendFile("name\nemil\n", "do", "import", "existing", "update", "tenant", "system").Require(http.StatusOK).RequireText("All lines were imported.")
		o.open("users").RequireText("emil")
		ctx, _ := o.realmNamed("system")
		if _, err := o.tenants.CheckPassword(ctx, "clara", "correct horse battery staple"); err != nil {
			t.Error("the password of another system:", err)
		}
		o.sendFile("", "do", "check").Require(http.StatusUnprocessableEntity).RequireText("Choose a file.")
		o.sendFile("name\nx\n", "do", "check", "tenant", "nowhere").Require(http.StatusUnprocessableEntity).RequireText("There is no tenant")
		o.sendFile("colour\nred\n", "do", "check").Require(http.StatusOK).RequireText("The file was not read to its end.")
		o.c.PostFormFrom("https://elsewhere.example/", o.base+"/users/import", nil).Require(http.StatusForbidden)
	})
}
