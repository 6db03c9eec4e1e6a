package ui

import (
	"math"
	"os"
	"strings"
	"testing"
)

func tokens(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("assets/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestContrast compares with ratios that are known for WCAG 2.2.
func TestContrast(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want float64
	}{
		{"#000000", "#ffffff", 21},
		{"#ffffff", "#000000", 21},
		{"#777777", "#ffffff", 4.478},
		{"#767676", "#ffffff", 4.542},
		{"#ff0000", "#ffffff", 3.998},
		{"#123456", "#123456", 1},
	} {
		a, _ := parseHex(tt.a)
		b, _ := parseHex(tt.b)
		if got := contrast(a, b); math.Abs(got-tt.want) > 0.002 {
			t.Errorf("contrast(%s, %s) = %.3f, want %.3f", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestParseHex(t *testing.T) {
	for s, want := range map[string]bool{
		"#3a49c9": true, "#3A49C9": true, "": false, "#fff": false, "3a49c9": false, "#3a49cg": false,
		"#3a49c9 ": false, "red": false, "#3a49c9;}": false, "#é49c9": false,
	} {
		if _, ok := parseHex(s); ok != want {
			t.Errorf("parseHex(%q) = %v, want %v", s, ok, want)
		}
	}
}

// TestLabRoundTrip checks that OKLab loses nothing that can be seen.
func TestLabRoundTrip(t *testing.T) {
	eachColour(func(c rgb) {
		back, ok := c.lab().rgb()
		if !ok || back != c {
			t.Errorf("%s comes back as %s, in gamut %v", c, back, ok)
		}
	})
}

// TestAccentsHoldContrast tries colours all over sRGB in both schemes.
func TestAccentsHoldContrast(t *testing.T) {
	light, dark, err := palettes(tokens(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]palette{"light": light, "dark": dark} {
		eachColour(func(c rgb) {
			a := p.fit(c)
			if got := contrast(a.fill, a.on); got < textContrast {
				t.Errorf("%s %s: text on %s has %.2f", name, c, a.fill, got)
			}
			if got := contrast(a.hover, a.on); got < textContrast {
				t.Errorf("%s %s: text on hovered %s has %.2f", name, c, a.hover, got)
			}
			if !p.clear(a.fill, controlContrast) {
				t.Errorf("%s %s: %s is lost on its ground", name, c, a.fill)
			}
			if !p.clear(a.text, textContrast) {
				t.Errorf("%s %s: text %s is lost on its ground", name, c, a.text)
			}
		})
	}
}

// TestFitLeavesGoodColours checks that a colour that holds is not touched.
func TestFitLeavesGoodColours(t *testing.T) {
	light, dark, err := palettes(tokens(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, colour, want string
		p                  palette
	}{
		{"navy in light", "#1e2a5a", "#1e2a5a", light},
		{"red in light", "#e2001a", "#e2001a", light},
		{"orange in dark", "#ff8800", "#ff8800", dark},
		{"black in light", "#000000", "#000000", light},
		{"black is mirrored in dark", "#000000", "#ffffff", dark},
		{"white is mirrored in light", "#ffffff", "#000000", light},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := parseHex(tt.colour)
			if got := tt.p.fit(c).fill.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestTokensHoldContrast measures the roles of our own colours.
func TestTokensHoldContrast(t *testing.T) {
	pairs := map[string][2]rgb{}
	for _, m := range roleColour.FindAllStringSubmatch(tokens(t), -1) {
		l, _ := parseHex(m[2])
		d, _ := parseHex(m[3])
		pairs[m[1]] = [2]rgb{l, d}
	}
	for _, tt := range []struct {
		fore, back string
		least      float64
	}{
		{"text", "ground surface raised soft good-soft warn-soft bad-soft", 7},
		{"muted", "ground surface raised soft", textContrast},
		{"accent-text", "ground surface raised", textContrast},
		{"bad", "ground surface raised", textContrast},
		{"good", "surface good-soft", textContrast},
		{"warn", "surface warn-soft", textContrast},
		{"bad", "bad-soft", textContrast},
		{"on-accent", "accent accent-hover", textContrast},
		{"accent", "ground surface raised", controlContrast},
		{"edge", "ground surface raised", controlContrast},
		{"focus", "ground surface raised", controlContrast},
	} {
		for back := range strings.FieldsSeq(tt.back) {
			for i, scheme := range []string{"light", "dark"} {
				if got := contrast(pairs[tt.fore][i], pairs[back][i]); got < tt.least {
					t.Errorf("%s: --%s on --%s has %.2f, want %.1f", scheme, tt.fore, back, got, tt.least)
				}
			}
		}
	}
}

func eachColour(do func(rgb)) {
	levels := []uint8{0, 32, 80, 128, 176, 224, 255}
	for _, r := range levels {
		for _, g := range levels {
			for _, b := range levels {
				do(rgb{r, g, b})
			}
		}
	}
}
