// Package browser drives a real headless Chromium for tests of pages: forms,
// scripts, content security policy, cookies across sites, passkeys, pictures.
//
// It alone imports chromedp, whose API changes often. Every method waits for
// what it needs, ends the test when that does not come, and then says where
// the browser stands: URL, title, text, console. It knows no page of ours.
package browser
