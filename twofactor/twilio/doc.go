// Package twilio is the factor of type "twilio": a one-time code by SMS through
// Twilio's Messages API.
//
// It owns its options and the call. The code, the text and the check of the
// answer are oob's: Twilio only carries, and tells later how a message fared.
// Platform endpoint: "twilio".
package twilio
