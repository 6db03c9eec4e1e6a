// Package phone reads phone numbers: their one spelling, their country and what
// kind of line they are, and says whether a text message may go there.
//
// It stands on libphonenumber's metadata, which ages: bump the library every
// quarter. It must not know tenants, factors or who asks.
package phone
