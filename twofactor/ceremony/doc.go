// Package ceremony runs challenges from question to proof.
//
// It alone stores, counts, expires, consumes and seals; a factor only makes a
// question and judges an answer. A try is counted and committed before the answer
// is looked at, and a right answer is used up in the same transaction as what it
// allows. It owns the tables challenges, user_failures and sms_*, and knows no factor
// by name.
package ceremony
