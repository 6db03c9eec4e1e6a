package email

import (
	"net"
	"regexp"
	"strings"

	"twofold/twofactor"
)

// Validate checks what depends on the type of server.
func (s *MailServer) Validate() []twofactor.FieldError {
	if s.MailType == typeM365 {
		return s.validateM365()
	}
	return s.validateSMTP()
}

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)
	// graphID holds GUIDs and domain names: what Entra takes as a tenant.
	graphID = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$`)
	// mailboxID holds GUIDs and user principal names.
	mailboxID = regexp.MustCompile(`^[A-Za-z0-9._%+'!#^~@-]{1,113}$`)
)

func (s *MailServer) validateSMTP() []twofactor.FieldError {
	var errs []twofactor.FieldError
	bad := func(field, message string) {
		errs = append(errs, twofactor.FieldError{Field: field, Message: message})
	}
	switch {
	case s.Host == "":
		bad("Host", "is required")
	case len(s.Host) > 253, !hostName.MatchString(s.Host) && net.ParseIP(s.Host) == nil:
		bad("Host", "must be a host name or an IP address, without port")
	}
	switch {
	case s.UserName == "" && s.Password != "":
		bad("UserName", "is required with a password")
	case s.UserName != "" && s.Password == "":
		bad("Password", "is required with a user name")
	case strings.ContainsAny(s.UserName+s.Password.Reveal(), "\r\n\x00"):
		bad("Password", "must not contain line breaks, nor must UserName")
	case s.UserName != "" && !s.EnableSSL && !isLoopback(s.Host):
		bad("EnableSSL", "must be true, or the password would travel in clear")
	}
	return errs
}

func (s *MailServer) validateM365() []twofactor.FieldError {
	var errs []twofactor.FieldError
	check := func(field, value string, form *regexp.Regexp, message string) {
		switch {
		case value == "":
			message = "is required for M365"
		case form == nil || form.MatchString(value):
			return
		}
		errs = append(errs, twofactor.FieldError{Field: field, Message: message})
	}
	check("ClientId", s.ClientID, graphID, "must be the application's ID")
	check("ClientSecret", s.ClientSecret.Reveal(), nil, "")
	check("TenantId", s.TenantID, graphID, "must be the directory's ID or domain")
	check("UserId", s.UserID, mailboxID, "must be a user principal name or an ID")
	return errs
}

// isLoopback reports whether mail to host stays on this machine. Only literal
// addresses and the reserved name count (RFC 6761 §6.3): others can be pointed
// elsewhere.
func isLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
