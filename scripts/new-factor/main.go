// Command new-factor makes a new second factor from a template: a directory of
// its own under twofactor, and one line in the catalogue. What it makes compiles
// and passes the conformance suite; TODO marks what only you can know.
package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

//go:embed template/*.tmpl
var templates embed.FS

// catalogue is the one file outside the factor's directory.
const catalogue = "twofactor/catalog/catalog.go"

func main() {
	if len(os.Args) != 2 || os.Args[1] == "" {
		fmt.Fprintln(os.Stderr, "usage: make new-factor NAME=carrier (a short word in small letters)")
		os.Exit(2)
	}
	files, err := generate(".", os.Args[1])
	if err == nil {
		err = write(".", files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "new-factor:", err)
		os.Exit(1)
	}
	for _, name := range files.names() {
		fmt.Println("wrote", name)
	}
	fmt.Printf("\nNow replace what TODO marks, and run: go test ./twofactor/%s\n", os.Args[1])
}

// files are contents by slash-separated path from the root of the repository.
type files map[string][]byte

// generate makes the contents without writing anything.
func generate(root, name string) (files, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9]{1,19}$`).MatchString(name) || token.IsKeyword(name) {
		return nil, fmt.Errorf("%q is no good name: 2 to 20 small letters and digits, a letter first", name)
	}
	dir := path.Join("twofactor", name)
	if _, err := os.Stat(filepath.Join(root, dir)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s exists already", dir)
	}
	all, err := template.New("").Option("missingkey=error").ParseFS(templates, "template/*.tmpl")
	if err != nil {
		return nil, err
	}
	values := map[string]string{"Name": name, "Title": strings.ToUpper(name[:1]) + name[1:]}
	out := files{}
	for _, t := range all.Templates() {
		if t.Name() == "" {
			continue
		}
		var b bytes.Buffer
		if err := t.Execute(&b, values); err != nil {
			return nil, err
		}
		file := strings.ReplaceAll(strings.TrimSuffix(t.Name(), ".tmpl"), "factor", name)
		if out[path.Join(dir, file)], err = format.Source(b.Bytes()); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name(), err)
		}
	}
	old, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(catalogue)))
	if err != nil {
		return nil, err
	}
	out[catalogue], err = register(string(old), name)
	return out, err
}

// register adds the import and, after the last provider, the one line.
func register(source, name string) ([]byte, error) {
	const call, imported = ".Provider(),\n", "\t\"twofold/twofactor\"\n"
	last := strings.LastIndex(source, call)
	if last < 0 || !strings.Contains(source, imported) {
		return nil, fmt.Errorf("%s does not look as expected: add %s.Provider() by hand", catalogue, name)
	}
	last += len(call)
	source = source[:last] + "\t\t" + name + call + source[last:]
	source = strings.Replace(source, imported, imported+"\t\"twofold/twofactor/"+name+"\"\n", 1)
	return format.Source([]byte(source)) // sorts the imports
}

func (f files) names() []string {
	var names []string
	for name := range f {
		if name != catalogue {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return append(names, catalogue)
}

func write(root string, f files) error {
	for _, name := range f.names() {
		target := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, f[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}
