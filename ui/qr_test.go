package ui

import (
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
)

var run = regexp.MustCompile(`^M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// painted reads a path back, and fails on anything but runs of modules.
func painted(t *testing.T, path string) map[[2]int]bool {
	t.Helper()
	dark := map[[2]int]bool{}
	for path != "" {
		m := run.FindStringSubmatch(path)
		if m == nil || m[3] != m[4] {
			t.Fatalf("path goes on with %.40q", path)
		}
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		for i := range n {
			dark[[2]int{x + i, y}] = true
		}
		path = path[len(m[0]):]
	}
	return dark
}

func TestPicture(t *testing.T) {
	text := "otpauth://totp/Acme:anna?secret=JBSWY3DPEHPK3PXP&issuer=Acme"
	p := picture(text)
	if p == nil {
		t.Fatal("no picture")
	}
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		t.Fatal(err)
	}
	n := code.Bounds().Dx()
	if p.Size != n+8 {
		t.Errorf("size %d for %d modules", p.Size, n)
	}
	dark := painted(t, p.Path)
	for y := range p.Size {
		for x := range p.Size {
			inside := x >= 4 && y >= 4 && x < n+4 && y < n+4
			if want := inside && code.At(x-4, y-4) == color.Black; dark[[2]int{x, y}] != want {
				t.Fatalf("module %d,%d is %v", x, y, !want)
			}
		}
	}
}

func TestNoPicture(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "too long": strings.Repeat("x", 5000)} {
		if picture(text) != nil {
			t.Errorf("%s: there is a picture", name)
		}
	}
}

func FuzzPicture(f *testing.F) {
	for _, s := range []string{"", "A1", "0123456789", "é\xff", "otpauth://totp/x?secret=ABC"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p := picture(text); p != nil {
			painted(t, p.Path)
		}
	})
}
