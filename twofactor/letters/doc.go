// Package letters puts what is to be told to a person into words: mails and text
// messages in the language of the reader, from templates that administrators may
// override part by part.
//
// It owns the wording that Twofold comes with, the variables of each kind of
// letter, the sandbox that templates of others run in, and the rules that a
// template is held to when it is saved. It knows no database: Composer asks for
// overrides by a function. It sends nothing.
package letters
