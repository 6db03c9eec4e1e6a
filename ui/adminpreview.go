package ui

// AdminPreviewSignIn is a tenant's or a client app's sign-in page in small, light and
// dark, beside a form. The script follows the fields with these names while somebody
// types; without it the form's Buttons should offer a preview.
type AdminPreviewSignIn struct {
	Brand                             Brand
	App                               string // may be empty
	NameField, AccentField, LogoField string // names of the form's fields; may be empty
}

// AdminMessagePreview is a mail or a text message as it would arrive. HTML is drawn
// as plain blocks: without its styles, pictures and links.
type AdminMessagePreview struct {
	Title    string // empty: "Preview"
	From, To string
	Subject  string // of a mail
	Text     string
	HTML     string // of a mail; may be empty
	Short    bool   // a text message
	Note     string // "1 text message, 87 characters"; may be empty
	Error    string // why there is none; may be empty
}
