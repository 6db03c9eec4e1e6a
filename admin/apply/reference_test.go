package apply_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"twofold/admin/apply"
)

const referencePage = "../../docs/reference/apply.md"

var keyTable = regexp.MustCompile(`(?s)<!-- keys: (\w+) -->\n(.*?)<!-- end of keys -->\n`)

// TestReference: the page lists exactly the keys that the parser knows, with the
// defaults that it uses.
func TestReference(t *testing.T) {
	page, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	tables := apply.KeyTables()
	if *update {
		fresh := keyTable.ReplaceAllStringFunc(string(page), func(block string) string {
			name := keyTable.FindStringSubmatch(block)[1]
			return "<!-- keys: " + name + " -->\n" + tables[name] + "<!-- end of keys -->\n"
		})
		if err := os.WriteFile(referencePage, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	shown := map[string]string{}
	for _, m := range keyTable.FindAllStringSubmatch(string(page), -1) {
		shown[m[1]] = m[2]
	}
	if diff := cmp.Diff(tables, shown); diff != "" {
		t.Errorf("the page differs; run go test with -update (-parser +page):\n%s", diff)
	}
	for name := range tables {
		if heading := "\n## " + name + "\n"; name != "file" && !strings.Contains(string(page), heading) {
			t.Errorf("no heading for %s", name)
		}
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestReferenceExamples: what the page shows can be parsed.
func TestReferenceExamples(t *testing.T) {
	page, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) == 0 {
		t.Fatal("no examples")
	}
	for _, b := range blocks {
		if _, err := apply.Parse("example", []byte(b[1])); err != nil {
			t.Errorf("%s\n%v", b[1], err)
		}
	}
}

// TestExampleIsComprehensive: the guide's example shows every key there is.
func TestExampleIsComprehensive(t *testing.T) {
	data, err := os.ReadFile(guides + "/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	shown := map[string]map[string]bool{}
	collectKeys("file", doc.Content[0], shown)
	for name, table := range apply.KeyTables() {
		for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)`").FindAllStringSubmatch(table, -1) {
			if !shown[name][m[1]] {
				t.Errorf("the example shows no %s of %s", m[1], name)
			}
		}
	}
}

// collectKeys notes the keys of each mapping, by the key the mapping stands under.
func collectKeys(name string, n *yaml.Node, into map[string]map[string]bool) {
	if n.Kind == yaml.SequenceNode {
		for _, c := range n.Content {
			collectKeys(name, c, into)
		}
		return
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	if into[name] == nil {
		into[name] = map[string]bool{}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		into[name][key] = true
		if name == "file" && (key == "templates" || key == "roles") {
			key = "platform_" + key
		}
		collectKeys(key, n.Content[i+1], into)
	}
}
