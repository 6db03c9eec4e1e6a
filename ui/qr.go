package ui

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the empty edge around a QR code, in modules (ISO/IEC 18004 §6.3.8).
const quiet = 4

// Picture is a QR code for an SVG: a square of Size modules, its edge included, and
// the dark ones as one path.
type Picture struct {
	Size int
	Path string
}

// picture draws a text as a QR code. A text that is empty or too long gives none:
// what it says can be kept and typed, too.
func picture(text string) *Picture {
	if text == "" {
		return nil
	}
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil
	}
	n := code.Bounds().Dx()
	dark := func(x, y int) bool { return x < n && code.At(x, y) == color.Black }
	var path strings.Builder
	for y := range n {
		for x := 0; x < n; x++ {
			run := 0
			for dark(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	return &Picture{Size: n + 2*quiet, Path: path.String()}
}
