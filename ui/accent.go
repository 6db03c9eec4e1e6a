package ui

import (
	"fmt"
	"math"
	"regexp"
	"strings"
)

// Contrast that holds for every accent: WCAG 2.2, 1.4.3 and 1.4.11.
const (
	textContrast    = 4.5
	controlContrast = 3.0
)

// palette is what accents are measured against in one colour scheme.
type palette struct {
	grounds []rgb // all that an accent may lie on
	ink     rgb   // dark text for bright accents, the same in both schemes
}

// accent is a tenant's colour fitted to one scheme.
type accent struct {
	fill  rgb // buttons
	hover rgb // buttons under the pointer
	on    rgb // text on fill
	text  rgb // links
}

var white = rgb{0xff, 0xff, 0xff}

// whiteBias is the move in lightness we accept to have white text on a button:
// dark text on a middling blue reads well by the numbers but not by eye.
const whiteBias = 0.07

// hoverStep is the change in lightness of a button under the pointer.
const hoverStep = 0.045

// greyChroma is the chroma below which a colour is a grey to the eye.
const greyChroma = 0.02

// fit moves c as little as needed to hold contrast on p. A grey that would be
// lost on p is mirrored instead, black to white: in between it looks disabled.
func (p palette) fit(c rgb) accent {
	if k := c.lab(); math.Hypot(k.a, k.b) < greyChroma && !p.clear(c, controlContrast) {
		c = k.withLightness(1 - k.l)
	}
	onWhite, moveWhite := c.nearest(func(x rgb) bool {
		return contrast(x, white) >= textContrast && p.clear(x, controlContrast)
	})
	onInk, moveInk := c.nearest(func(x rgb) bool {
		return contrast(x, p.ink) >= textContrast && p.clear(x, controlContrast)
	})
	a := accent{fill: onInk, on: p.ink}
	step := hoverStep
	if moveWhite <= moveInk+whiteBias {
		a, step = accent{fill: onWhite, on: white}, -hoverStep
	}
	k := a.fill.lab()
	a.hover = k.withLightness(k.l + step) // away from the text, so its contrast grows
	a.text, _ = c.nearest(func(x rgb) bool { return p.clear(x, textContrast) })
	return a
}

// clear reports whether c stands out from every ground.
func (p palette) clear(c rgb, ratio float64) bool {
	for _, g := range p.grounds {
		if contrast(c, g) < ratio {
			return false
		}
	}
	return true
}

var roleColour = regexp.MustCompile(`--([a-z-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)`)

// palettes reads the roles from the tokens, so that they have one home.
func palettes(tokens string) (light, dark palette, err error) {
	found := map[string][2]rgb{}
	for _, m := range roleColour.FindAllStringSubmatch(tokens, -1) {
		l, _ := parseHex(m[2])
		d, _ := parseHex(m[3])
		found[m[1]] = [2]rgb{l, d}
	}
	for _, role := range []string{"ground", "surface", "raised"} {
		pair, ok := found[role]
		if !ok {
			return light, dark, fmt.Errorf("ui: tokens have no colour --%s", role)
		}
		light.grounds = append(light.grounds, pair[0])
		dark.grounds = append(dark.grounds, pair[1])
	}
	text, ok := found["text"]
	if !ok {
		return light, dark, fmt.Errorf("ui: tokens have no colour --text")
	}
	light.ink, dark.ink = text[0], text[0]
	return light, dark, nil
}

// accentSheet is the style sheet for one accent, for the elements that where
// selects. It holds computed values only.
func accentSheet(where string, c rgb, light, dark palette) string {
	l, d := light.fit(c), dark.fit(c)
	var b strings.Builder
	b.WriteString("@layer tokens{" + where + "{")
	for _, role := range []struct {
		name        string
		light, dark rgb
	}{
		{"accent", l.fill, d.fill},
		{"accent-hover", l.hover, d.hover},
		{"on-accent", l.on, d.on},
		{"accent-text", l.text, d.text},
	} {
		fmt.Fprintf(&b, "--%s:light-dark(%s,%s);", role.name, role.light, role.dark)
	}
	b.WriteString("}}\n")
	return b.String()
}
