// Package ui is what people see while they sign in, and the frame and the parts that
// the pages of the console are composed from: typed views drawn by html/template, the
// style sheets, the scripts, the words of standing pages.
//
// A handler fills a view and calls [UI.Render]; each view is one struct that
// embeds [Page]. The package decides nothing: it knows no request state, no
// database, no policy and no second factor by name. A factor's question is
// drawn field by field from a twofactor.Prompt.
//
// Every sentence comes from texts/LANG.json and is said in the language of
// [Page.Lang]: by {{t "key"}} in templates, by [Page.Say] in Go. [Language] finds
// the language to speak. The admin frame, the views whose names begin with Admin,
// speaks English alone: its words stand in its templates and views. A page of the
// console embeds [AdminPage]; most are an [AdminList], an [AdminForm] or an
// [AdminDetail] of [AdminPart]s.
//
// No page has an inline style or script, asks another host for anything, or
// needs script to work. Names that people chose are always cleaned of text
// direction overrides and isolated, so that no name can pose as another word.
package ui
