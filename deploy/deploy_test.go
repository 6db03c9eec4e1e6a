// Package deploy_test checks the files here against each other and against the
// program: that settings exist, that replicas are alike, that nothing is open
// that should not be. Containers themselves are not started.
package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

type compose struct {
	Services map[string]service `yaml:"services"`
	Networks map[string]struct {
		Internal bool `yaml:"internal"`
		IPAM     struct {
			Config []map[string]string `yaml:"config"`
		} `yaml:"ipam"`
	} `yaml:"networks"`
	Volumes map[string]any `yaml:"volumes"`
}

type service struct {
	Image       string            `yaml:"image"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
	Networks    []string          `yaml:"networks"`
	NetworkMode string            `yaml:"network_mode"`
	Ports       []string          `yaml:"ports"`
	ReadOnly    bool              `yaml:"read_only"`
	CapDrop     []string          `yaml:"cap_drop"`
	SecurityOpt []string          `yaml:"security_opt"`
	DependsOn   map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test    []string `yaml:"test"`
		Disable bool     `yaml:"disable"`
	} `yaml:"healthcheck"`
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, "../docker-compose.yml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComposeServices(t *testing.T) {
	c := readCompose(t)
	want := []string{"mail", "migrate", "postgres", "proxy", "secrets", "twofold-1", "twofold-2"}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(c.Services))); d != "" {
		t.Error(d)
	}
	one, two := c.Services["twofold-1"], c.Services["twofold-2"]
	if d := cmp.Diff(one, two); d != "" {
		t.Errorf("the replicas differ: %s", d)
	}
	if d := cmp.Diff(one.Environment, c.Services["migrate"].Environment); d != "" {
		t.Errorf("migrate has other settings: %s", d)
	}
	if d := cmp.Diff([]string{"serve"}, one.Command); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"migrate"}, c.Services["migrate"].Command); d != "" {
		t.Error(d)
	}
}

func TestComposeOrder(t *testing.T) {
	c := readCompose(t)
	tests := []struct{ service, after, condition string }{
		{"postgres", "secrets", "service_completed_successfully"},
		{"migrate", "postgres", "service_healthy"},
		{"twofold-1", "migrate", "service_completed_successfully"},
		{"twofold-2", "migrate", "service_completed_successfully"},
		{"proxy", "twofold-1", "service_healthy"},
		{"proxy", "twofold-2", "service_healthy"},
	}
	for _, tt := range tests {
		if got := c.Services[tt.service].DependsOn[tt.after].Condition; got != tt.condition {
			t.Errorf("%s depends on %s by %q, want %q", tt.service, tt.after, got, tt.condition)
		}
		if h := c.Services[tt.after].Healthcheck; tt.condition == "service_healthy" && len(h.Test) == 0 {
			t.Errorf("%s has no health check", tt.after)
		}
	}
}

func TestComposeIsClosed(t *testing.T) {
	c := readCompose(t)
	if !c.Networks["back"].Internal {
		t.Error("the network of the database is not internal")
	}
	if got := c.Services["twofold-1"].Environment["TWOFOLD_TRUSTED_PROXIES"]; got != c.Networks["front"].IPAM.Config[0]["subnet"] {
		t.Errorf("trusted proxies are %q, the proxy's network is another", got)
	}
	version := regexp.MustCompile(`:v?\d[\w.-]*$|^twofold:local$`)
	for name, s := range c.Services {
		if !version.MatchString(s.Image) {
			t.Errorf("%s: image %q has no version", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the world", name, p)
			}
		}
		if slices.Contains(s.Networks, "back") && len(s.Ports) > 0 {
			t.Errorf("%s is in the database's network and has a port outside", name)
		}
		for _, v := range s.Volumes {
			if source, _, _ := strings.Cut(v, ":"); !strings.HasPrefix(source, "./") {
				if _, ok := c.Volumes[source]; !ok {
					t.Errorf("%s: volume %q is not declared", name, source)
				}
			} else if _, err := os.Stat(filepath.Join("..", source)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for key, value := range s.Environment {
			if secret := regexp.MustCompile(`PASSWORD|SECRET|KEY|DATABASE`); secret.MatchString(key) && !strings.HasSuffix(key, "_FILE") {
				t.Errorf("%s: %s=%s should come from a file", name, key, value)
			}
		}
	}
	for _, name := range []string{"twofold-1", "twofold-2", "migrate", "proxy"} {
		s := c.Services[name]
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs", name)
		}
	}
}

func TestProxyKnowsTheReplicas(t *testing.T) {
	cfg := read(t, "haproxy.cfg")
	_, port, _ := strings.Cut(readCompose(t).Services["twofold-1"].Environment["TWOFOLD_LISTEN"], ":")
	_, ops, _ := strings.Cut(readCompose(t).Services["twofold-1"].Environment["TWOFOLD_OPS_LISTEN"], ":")
	for _, want := range []string{
		"server twofold-1 twofold-1:" + port + "\n", "server twofold-2 twofold-2:" + port + "\n",
		"check port " + ops, "uri /readyz", "retry-on conn-failure\n", "set-header X-Forwarded-For %[src]",
	} {
		if !strings.Contains(cfg, want) {
			t.Errorf("haproxy.cfg lacks %q", want)
		}
	}
	if regexp.MustCompile(`(?m)^\s*option httplog|%r\b|%HU|%HQ`).MatchString(cfg) {
		t.Error("haproxy.cfg logs query strings, and authorization codes with them")
	}
}

func TestImage(t *testing.T) {
	text := read(t, "Dockerfile")
	for _, want := range []string{
		"CGO_ENABLED=0", "-trimpath", "\nFROM scratch\n", "ca-certificates.crt", "\nUSER 65532:65532\n",
		`HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/healthcheck"]`,
		"\nENTRYPOINT [\"/twofold\"]\n", "./cmd/twofold ./deploy/healthcheck",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("Dockerfile lacks %q", want)
		}
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))[1]
	if !strings.Contains(text, "FROM golang:"+goVersion+"-") {
		t.Errorf("Dockerfile does not build with Go %s", goVersion)
	}
}

func TestUnitIsHardened(t *testing.T) {
	unit := read(t, "twofold.service")
	for _, want := range []string{
		"DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "CapabilityBoundingSet=\n",
		"SystemCallFilter=@system-service", "MemoryDenyWriteExecute=yes", "StateDirectory=twofold", "LoadCredential=master.key:",
		"TWOFOLD_MASTER_KEY_FILE=%d/master.key", "ExecStart=/usr/local/bin/twofold serve",
	} {
		if !strings.Contains(unit, want) {
			t.Errorf("twofold.service lacks %q", want)
		}
	}
}

func TestMakeSecrets(t *testing.T) {
	postgres, twofold := t.TempDir(), t.TempDir()
	me := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	run := func() {
		t.Helper()
		cmd := exec.Command("sh", "make-secrets")
		cmd.Env = append(os.Environ(), "POSTGRES_SECRETS="+postgres, "TWOFOLD_SECRETS="+twofold, "POSTGRES_OWNER="+me, "TWOFOLD_OWNER="+me)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	run()
	key, url, password := read(t, twofold+"/master.key"), read(t, twofold+"/database-url"), read(t, postgres+"/password")
	if !regexp.MustCompile(`^[0-9a-f]{64}\n$`).MatchString(key) || key == password {
		t.Error("the master key is not 32 bytes of its own in hex")
	}
	if want := "postgres://twofold:" + strings.TrimSpace(password) + "@postgres:5432/twofold?sslmode=disable\n"; url != want {
		t.Error("the database URL does not have the password")
	}
	err := filepath.WalkDir(twofold, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err == nil && st.Mode().Perm() != 0o400 {
			err = errors.New(path + " has mode " + st.Mode().String())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	run()
	if again := read(t, twofold+"/master.key"); !bytes.Equal([]byte(key), []byte(again)) {
		t.Error("a second start replaces the master key")
	}
	_ = os.Chmod(twofold, 0o700) // so that it can be removed
}
