// Package ecall is the factor of type "ecall": a one-time code by SMS through
// eCall's REST interface.
//
// It owns its options and the call. The code, the text and the check of the
// answer are oob's. Platform endpoint: "ecall".
package ecall
