// Package idp is the OpenID Provider as a browser sees it: tenants, sign-ins,
// sessions and sign-out.
//
// It owns the tables sign_ins and sessions. Protocol is op's, what comes next is
// signin's, policy is tenants', codes are ceremony's and pages are ui's: idp puts
// them together. A step handler only adds facts; it never names another step. The
// package knows no factor by name.
package idp
