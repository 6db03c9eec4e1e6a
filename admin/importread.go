package admin

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"twofold/internal/problem"
	"twofold/tenants"
)

// Files of users, read a line at a time.

// Kinds of values of an import.
const (
	importText = iota
	importSwitch
	importList
)

// ImportField is one field that a line of an import may have.
type ImportField struct {
	Name, Help string
	kind       int
	most       int // bytes
}

// ImportFields lists them: names of columns in CSV, of members in JSON.
func ImportFields() []ImportField {
	return []ImportField{
		{"name", "Login name. Required.", importText, 254},
		{"kind", "person or machine; a person if absent.", importText, 16},
		{"display_name", "What people read.", importText, 254},
		{"given_name", "First name.", importText, 254},
		{"family_name", "Last name.", importText, 254},
		{"email", "Mail address.", importText, 254},
		{"email_verified", "Whether the address is proven: only a proven one receives codes.", importSwitch, 8},
		{"phone", "Number in international form, such as +41791234567.", importText, 32},
		{"phone_verified", "Whether the number is proven: only a proven one receives codes.", importSwitch, 8},
		{"locale", "Language of pages and messages, such as de-CH.", importText, 35},
		{"active", "Whether the user can sign in; he can if absent.", importSwitch, 8},
		{"password", "In plain text. Each is hashed here, which takes time.", importText, tenants.MaxPasswordBytes},
		{"password_hash", "Hash by another system.", importText, 512},
		{"tenants", "Names of the tenants whose member the user is.", importList, 8192},
		{"groups", "Names of the groups that the user is in.", importList, 8192},
		{"idps", "Names of the local IDPs that know the user; those of his tenants if absent.", importList, 8192},
	}
}

// importEntry is one line of a file: what it gives, and what is wrong with it already.
type importEntry struct {
	line   int
	text   map[string]string // switches too: true or false
	lists  map[string][]string
	faults []ImportFault
}

func (e *importEntry) fault(field, format string, args ...any) {
	e.faults = append(e.faults, ImportFault{Line: e.line, Field: field, Message: fmt.Sprintf(format, args...)})
}

// refused keeps what a rule says about the entry. Any other error is given back.
func (e *importEntry) refused(err error) error {
	var p *problem.Error
	if !errors.As(err, &p) || p.Kind == problem.Internal || p.Kind == problem.Unavailable {
		return err
	}
	for _, f := range p.Fields {
		e.fault(f.Name, "%s", f.Message)
	}
	if len(p.Fields) == 0 {
		e.fault("", "%s", p.Message)
	}
	return nil
}

// set keeps a value in the form that it has in its file: nothing is said about what a
// secret holds.
func (e *importEntry) set(f ImportField, text string) {
	switch {
	case len(text) > f.most:
		e.fault(f.Name, "is longer than %d bytes", f.most)
		return
	case !utf8.ValidString(text):
		e.fault(f.Name, "is not UTF-8")
		return
	case f.Name != "password" && strings.ContainsFunc(text, unicode.IsControl):
		e.fault(f.Name, "must hold no control characters")
		return
	}
	switch f.kind {
	case importSwitch:
		on, ok := map[string]bool{"true": true, "yes": true, "1": true, "false": false, "no": false, "0": false}[strings.ToLower(strings.TrimSpace(text))]
		if !ok {
			e.fault(f.Name, "must be true or false")
		}
		e.text[f.Name] = strconv.FormatBool(on)
	case importList:
		for _, name := range strings.Split(text, "|") {
			e.add(f, name)
		}
	default:
		e.text[f.Name] = text
	}
}

func (e *importEntry) add(f ImportField, name string) {
	name = strings.TrimSpace(name)
	if name != "" && !slices.Contains(e.lists[f.Name], name) {
		e.lists[f.Name] = append(e.lists[f.Name], name)
	}
}

// give brings a user to what the entry says; what it does not say stays. Another address
// is not proven by the one before.
func (e *importEntry) give(u *tenants.User) {
	email, phone := u.Email, u.Phone
	defer func() {
		if _, given := e.text["email_verified"]; !given && strings.ToLower(strings.TrimSpace(u.Email)) != email {
			u.EmailVerified = false
		}
		if _, given := e.text["phone_verified"]; !given && u.Phone != phone {
			u.PhoneVerified = false
		}
	}()
	texts := map[string]*string{
		"name": &u.Name, "kind": &u.Kind, "display_name": &u.DisplayName, "given_name": &u.GivenName, "family_name": &u.FamilyName,
		"email": &u.Email, "phone": &u.Phone, "locale": &u.Locale,
	}
	switches := map[string]*bool{"email_verified": &u.EmailVerified, "phone_verified": &u.PhoneVerified, "active": &u.Active}
	for name, text := range e.text {
		if to, ok := texts[name]; ok {
			*to = text
		}
		if to, ok := switches[name]; ok {
			*to = text == "true"
		}
	}
}

// importReader gives the lines of a file, one after another: nil behind the last.
type importReader interface{ next() (*importEntry, error) }

// importStop is why a file is read no further.
type importStop string

func (s importStop) Error() string { return string(s) }

const (
	maxImportBytes = 64 << 20
	maxImportLine  = 64 << 10
)

// readImport finds out what a file is: of JSON lines the first begins with a brace.
func readImport(r io.Reader) (importReader, error) {
	b := bufio.NewReaderSize(&importLimit{r, maxImportBytes}, maxImportLine)
	if mark, _ := b.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3)
	}
	start, err := b.Peek(1)
	line := 1
	for ; err == nil && unicode.IsSpace(rune(start[0])); start, err = b.Peek(1) {
		if c, _ := b.ReadByte(); c == '\n' {
			line++
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil, importStop("The file is empty.")
	case err != nil:
		return nil, err
	case start[0] == '{':
		return &jsonImport{b: b, line: line - 1}, nil
	case start[0] == '[':
		return nil, importStop("This is a JSON array. Write one object to a line, without brackets around them.")
	}
	return newCSVImport(b, line-1)
}

// importLimit refuses what is behind its limit, unlike io.LimitReader, which ends there.
type importLimit struct {
	r    io.Reader
	left int64
}

func (l *importLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, importStop("The file is larger than 64 MiB. Divide it.")
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

type jsonImport struct {
	b    *bufio.Reader
	line int
}

func (j *jsonImport) next() (*importEntry, error) {
	for {
		j.line++
		text, err := j.b.ReadSlice('\n')
		e := &importEntry{line: j.line, text: map[string]string{}, lists: map[string][]string{}}
		if errors.Is(err, bufio.ErrBufferFull) {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = j.b.ReadSlice('\n')
			}
			if err == nil || errors.Is(err, io.EOF) {
				e.fault("", "is longer than 64 KiB")
				return e, nil
			}
		}
		end := errors.Is(err, io.EOF)
		switch {
		case err != nil && !end:
			return nil, err
		case len(bytes.TrimSpace(text)) > 0:
			e.readObject(text)
			return e, nil
		case end:
			return nil, nil //nolint:nilnil // behind the last line
		}
	}
}

// readObject reads one object. Readers disagree about names that are given twice, so they
// are refused.
func (e *importEntry) readObject(text []byte) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		e.fault("", "is not a JSON object")
		return
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		name, _ := t.(string)
		var value any
		if err != nil || dec.Decode(&value) != nil {
			e.fault("", "is not JSON")
			return
		}
		if seen[name] {
			e.fault(name, "is given twice")
		}
		seen[name] = true
		e.member(name, value)
	}
	if _, err := dec.Token(); err != nil {
		e.fault("", "is not JSON")
	} else if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		e.fault("", "holds more than one JSON object")
	}
}

func (e *importEntry) member(name string, value any) {
	f, ok := importField(name)
	if !ok {
		e.fault(shownField(name), "is not known here")
		return
	}
	switch v := value.(type) {
	case nil:
		return
	case string:
		if f.kind == importText {
			e.set(f, v)
			return
		}
	case bool:
		if f.kind == importSwitch {
			e.set(f, strconv.FormatBool(v))
			return
		}
	case []any:
		if f.kind == importList {
			e.elements(f, v)
			return
		}
	}
	e.fault(f.Name, "must be %s", [...]string{"text", "true or false", "a list of names"}[f.kind])
}

func (e *importEntry) elements(f ImportField, list []any) {
	for _, item := range list {
		name, ok := item.(string)
		if !ok || name == "" || len(name) > 254 || strings.ContainsFunc(name, unicode.IsControl) {
			e.fault(f.Name, "must be a list of names")
			return
		}
		e.add(f, name)
	}
}

func importField(name string) (ImportField, bool) {
	all := ImportFields()
	i := slices.IndexFunc(all, func(f ImportField) bool { return f.Name == name })
	if i < 0 {
		return ImportField{}, false
	}
	return all[i], true
}

// shownField keeps what is no field of ours short, and fit to be read on a terminal.
func shownField(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, name)
	if runes := []rune(name); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return name
}

type csvImport struct {
	r      *csv.Reader
	before int // lines before the header
	fields []ImportField
}

// newCSVImport reads the header. Spreadsheets in many countries write semicolons.
func newCSVImport(b *bufio.Reader, before int) (*csvImport, error) {
	head, err := b.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	head, _, _ = bytes.Cut(head, []byte("\n"))
	r := csv.NewReader(b)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	if bytes.ContainsRune(head, ';') && !bytes.ContainsRune(head, ',') {
		r.Comma = ';'
	}
	names, err := r.Read()
	if err != nil {
		return nil, csvStop(err)
	}
	c := &csvImport{r: r, before: before}
	for _, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		f, ok := importField(name)
		switch {
		case !ok:
			return nil, importStop(fmt.Sprintf("The first line must name the columns. %q is not known: take %s.", shownField(name), importNames()))
		case slices.ContainsFunc(c.fields, func(have ImportField) bool { return have.Name == f.Name }):
			return nil, importStop(fmt.Sprintf("The column %q is there twice.", name))
		}
		c.fields = append(c.fields, f)
	}
	if !slices.ContainsFunc(c.fields, func(f ImportField) bool { return f.Name == "name" }) {
		return nil, importStop("The first line must name the columns, and one of them must be \"name\".")
	}
	return c, nil
}

func importNames() string {
	var names []string
	for _, f := range ImportFields() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

func csvStop(err error) error {
	var wrong *csv.ParseError
	if errors.As(err, &wrong) {
		return importStop("The first line cannot be read: its quotes are wrong.")
	}
	return err
}

// next leaves alone what an empty cell is of.
func (c *csvImport) next() (*importEntry, error) {
	cells, err := c.r.Read()
	e := &importEntry{text: map[string]string{}, lists: map[string][]string{}}
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // the end
	case errors.As(err, &wrong):
		e.line = c.before + wrong.StartLine
		e.fault("", "cannot be read: its quotes are wrong")
		return e, nil
	case err != nil:
		return nil, err
	}
	line, _ := c.r.FieldPos(0)
	e.line = c.before + line
	if len(cells) != len(c.fields) {
		e.fault("", "has %d cells, but the first line names %d columns", len(cells), len(c.fields))
		return e, nil
	}
	for i, f := range c.fields {
		if cells[i] != "" {
			e.set(f, cells[i])
		}
	}
	return e, nil
}
