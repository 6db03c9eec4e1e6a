// Package webhook is the factor of type "webhook": a service of the customer's own,
// reached by signed HTTPS calls, delivers our code or decides by itself.
//
// It owns its options, the form of the calls and what makes a reply believable. It
// knows nothing of what stands behind the hook, so it claims the weakest for it
// (docs/adr/0019-webhook.md). Which addresses may be called is the guarded client's
// matter. For whoever writes a hook: docs/guides/webhook.md.
package webhook
