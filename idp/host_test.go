package idp

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOneIssuerAtATime keeps the two issuers of a tenant apart in code that is still to be
// written: addresses are made by addressIn, and what is kept of a token by
// tenants.HashHere. Where it must be otherwise is listed, with the reason.
func TestOneIssuerAtATime(t *testing.T) {
	for what, allowed := range map[string][]string{
		`\bPublicURL\b`: {
			"idp.go", "host.go", "op/provider.go",
			"report.go",    // services call the server's own address
			"op/bearer.go", // administration is there alone
		},
		`\bid\.Hash\(`: {
			"cookies.go", "upstream.go", "scripts.go", // parts of names
			"op/assertion.go", // its audience names the issuer
		},
		`"/t/`: {"idp.go", "host.go", "report.go", "op/provider.go", "op/bearer.go"},
	} {
		find := regexp.MustCompile(what)
		for _, dir := range []string{".", "op"} {
			files, err := filepath.Glob(filepath.Join(dir, "*.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if find.Match(text) && !strings.HasSuffix(file, "_test.go") && !slices.Contains(allowed, file) {
					t.Errorf("%s has %s: it would be the same at both addresses of a tenant", file, what)
				}
			}
		}
	}
}
