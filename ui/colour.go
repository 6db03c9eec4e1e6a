package ui

import (
	"encoding/hex"
	"fmt"
	"math"
)

// rgb is an sRGB colour of 8 bits a channel.
type rgb [3]uint8

// parseHex reads "#rrggbb" and nothing else.
func parseHex(s string) (c rgb, ok bool) {
	if len(s) != 7 || s[0] != '#' {
		return c, false
	}
	if _, err := hex.Decode(c[:], []byte(s[1:])); err != nil {
		return c, false
	}
	return c, true
}

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

func (c rgb) linear() (r, g, b float64) {
	f := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return f(c[0]), f(c[1]), f(c[2])
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b rgb) float64 {
	la, lb := a.luminance(), b.luminance()
	if la < lb {
		la, lb = lb, la
	}
	return (la + 0.05) / (lb + 0.05)
}

func (c rgb) luminance() float64 {
	r, g, b := c.linear()
	return 0.2126*r + 0.7152*g + 0.0722*b
}

// lab is a colour in OKLab, where lightness can be moved without a visible
// change of hue.
type lab struct{ l, a, b float64 }

func (c rgb) lab() lab {
	r, g, b := c.linear()
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	return lab{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}

// rgb rounds to 8 bits; ok is false outside what sRGB can show.
func (k lab) rgb() (c rgb, ok bool) {
	l := math.Pow(k.l+0.3963377774*k.a+0.2158037573*k.b, 3)
	m := math.Pow(k.l-0.1055613458*k.a-0.0638541728*k.b, 3)
	s := math.Pow(k.l-0.0894841775*k.a-1.2914855480*k.b, 3)
	ok = true
	for i, x := range [3]float64{
		+4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
		-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
		-0.0041960863*l - 0.7034186147*m + 1.7076147010*s,
	} {
		ok = ok && x > -0.0005 && x < 1.0005
		x = min(max(x, 0), 1)
		if x <= 0.0031308 {
			x *= 12.92
		} else {
			x = 1.055*math.Pow(x, 1/2.4) - 0.055
		}
		c[i] = uint8(math.Round(x * 255))
	}
	return c, ok
}

// withLightness keeps the hue and as much of the chroma as sRGB can show.
func (k lab) withLightness(l float64) rgb {
	l = min(max(l, 0), 1)
	for f := 1.0; f > 0; f -= 0.02 {
		if c, ok := (lab{l, k.a * f, k.b * f}).rgb(); ok {
			return c
		}
	}
	c, _ := lab{l: l}.rgb()
	return c
}

// nearest moves the lightness of c as little as needed for good to hold, and
// says by how much. If nothing holds the move is infinite.
func (c rgb) nearest(good func(rgb) bool) (rgb, float64) {
	if good(c) {
		return c, 0
	}
	k := c.lab()
	for d := 0.0; d <= 1; d += 0.005 {
		for _, l := range [2]float64{k.l - d, k.l + d} {
			if x := k.withLightness(l); l >= 0 && l <= 1 && good(x) {
				return x, d
			}
		}
	}
	return c, math.Inf(1)
}
