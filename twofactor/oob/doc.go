// Package oob makes one-time codes that travel out of band: a Factor over any
// Sender. A factor such as email or twilio is its options and a Send; all the
// rest is here: the code, the letter that carries it, the masked destination, the
// prompt in the user's language and the check of the answer. The words of the
// message are the house's: env.Compose.
//
// It also owns what senders share when a service fails: the HTTP client with
// its bounds and the classes of failure. It knows no provider by name, counts
// nothing and stores nothing: ceremony does.
package oob
