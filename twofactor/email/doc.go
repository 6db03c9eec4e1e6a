// Package email is the factor of type "email": a one-time code by mail, over
// SMTP or Microsoft 365.
//
// It owns its options and the two ways of sending. The code, the text and the
// check of the answer are oob's. Platform endpoints: "entra" (authority) and
// "msgraph", both https.
package email
