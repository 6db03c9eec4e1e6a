package browser

import (
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
)

// SetViewport sets the size of the page in CSS pixels; below 600 it is a phone.
func (b *Browser) SetViewport(width, height int) {
	b.t.Helper()
	_, err := call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(width), Height: int64(height), DeviceScaleFactor: 1, Mobile: width < 600,
	})
	b.emulated("set the viewport", err)
	b.width, b.height = width, height
	b.EmulateDark(b.dark)
}

// EmulateDark switches to the dark colour scheme or back. Motion is always
// reduced, so that pictures do not depend on the moment.
func (b *Browser) EmulateDark(dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	b.emulated("set the colour scheme", err)
	b.dark = dark
}

// DisableScript switches scripts off for the pages that follow.
func (b *Browser) DisableScript() {
	b.t.Helper()
	_, err := call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.emulated("disable scripts", err)
}

// SetLanguage sends this Accept-Language from now on.
func (b *Browser) SetLanguage(tags string) {
	b.t.Helper()
	_, err := call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": tags}})
	b.emulated("set the language", err)
}

func (b *Browser) emulated(what string, err error) {
	b.t.Helper()
	if err != nil {
		b.fatalf("%s: %v", what, err)
	}
}
