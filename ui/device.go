package ui

import "twofold/twofactor"

// DeviceCode asks for the code that a device shows. It posts FieldUserCode and FieldDo =
// DoAnswer to Action.
type DeviceCode struct {
	Page
	Action string
	Code   string // as typed, or as a link brought it
	Error  string
}

// Template implements View.
func (DeviceCode) Template() string { return "device-code" }

// Title implements View.
func (v DeviceCode) Title() string { return v.failed(v.Say("device.title"), v.Error != "") }

// Input is the one input.
func (v DeviceCode) Input() Input {
	return Input{
		ID: FieldUserCode, Name: FieldUserCode, Label: v.Say("device.code"), Value: v.Code, Error: v.Error,
		Kind: twofactor.KindText, Required: true, Focus: true, AutoComplete: "off",
	}
}

// Device is what is known of a device that somebody is about to let in.
type Device struct {
	Code    string // as it shows it
	Address string // where it is
	When    string // it asked: see Page.Ago
}

// DeviceDone says that the device goes on by itself.
type DeviceDone struct{ Page }

// Template implements View.
func (DeviceDone) Template() string { return "device-done" }

// Title implements View.
func (v DeviceDone) Title() string { return v.Say("device-done.title") }
