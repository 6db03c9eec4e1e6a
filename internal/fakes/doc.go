// Package fakes plays the foreign services that factors talk to: a mail server,
// Twilio, eCall, Microsoft 365 and a customer's webhook. Tests and the demo use them alike.
//
// The fakes are strict: what the real service would refuse, they refuse. They
// fail on purpose when told to (Script), and keep what they accepted, so that a
// test can wait for a message instead of sleeping. The package must not know
// factors, tenants or the testing package.
package fakes
