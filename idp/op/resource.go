package op

import (
	"net/url"
	"slices"

	"twofold/tenants"
)

// Resource indicators, RFC 8707: an app says for which API it wants a token, and the
// token is good there alone: not at another API, and not at our userinfo.

const errInvalidTarget = "invalid_target"

const paramResource = "resource"

// maxResources bounds how many one request may name.
const maxResources = 20

// fillResource takes the APIs that the app names, if it may have tokens for them all (§2).
func fillResource(row *authRequestRow, app tenants.ClientApp, ps params) *refusal {
	list, ok := resourcesOf(app.Resources, ps.values)
	if !ok {
		return refuse(errInvalidTarget, "resource names an API that the app may not ask tokens for")
	}
	row.Resources = list
	return nil
}

// resourcesOf reads which of the APIs that it may have a request names.
func resourcesOf(may tenants.List, form url.Values) (out tenants.List, ok bool) {
	for _, r := range form[paramResource] {
		if r == "" {
			continue
		}
		if !slices.Contains(may, r) {
			return nil, false
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out, len(out) <= maxResources
}

// targets are the APIs that a token is for: those that the request to the token endpoint
// names out of what may be had, or else all that was granted (§2.2).
func targets(may, granted tenants.List, form url.Values) ([]string, error) {
	list, ok := resourcesOf(may, form)
	if !ok {
		return nil, invalidTarget("resource names an API that was not granted")
	}
	if len(list) == 0 {
		return granted, nil
	}
	return list, nil
}
