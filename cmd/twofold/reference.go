package main

import (
	"slices"
	"strings"

	"twofold/admin"
	"twofold/admin/console"
	"twofold/admin/rest"
	"twofold/tenants"
	"twofold/ui"
)

// reference is the API as the console shows it.
func (h *house) reference() console.Reference {
	out := console.Reference{Downloads: []ui.Link{
		{Text: "OpenAPI 3.1 as JSON", URL: rest.Root + "/openapi.json"},
		{Text: "as YAML", URL: rest.Root + "/openapi.yaml"},
		{Text: "OpenAPI 3.0 for older tools", URL: rest.Root + "/openapi-3.0.json"},
	}}
	for _, s := range h.rest.Reference() {
		g := ui.AdminTag{ID: "tag-" + s.Name, Name: tagWords(s.Name)}
		for _, op := range s.Operations {
			g.Operations = append(g.Operations, shownOperation(op))
		}
		out.Groups = append(out.Groups, g)
	}
	return out
}

func shownOperation(op rest.Operation) ui.AdminOperation {
	out := ui.AdminOperation{
		ID: strings.ReplaceAll(op.ID, ".", "-"), Method: op.Method, Path: op.Path, Summary: op.Summary, Text: op.Description, Access: access(op), BodyType: op.Media,
	}
	for _, p := range op.Params {
		out.Params = append(out.Params, ui.AdminParam{Name: p.Name, In: p.In, Type: p.Type, Text: meaning(p.Doc, p.Choices, ""), Required: p.Required})
	}
	for _, m := range op.Body {
		out.Body = append(out.Body, ui.AdminParam{Name: m.Name, Type: m.Type, Text: meaning(m.Doc, m.Choices, m.Default), Required: m.Required})
	}
	for _, a := range op.Answers {
		answer := ui.AdminResponse{Status: a.Status, Text: a.Doc}
		if a.Schema != "" && a.Schema != "Problem" {
			answer.Text = strings.TrimSpace(answer.Text + ": " + a.Schema)
		}
		out.Responses = append(out.Responses, answer)
	}
	return out
}

// access says who may call an operation.
func access(op rest.Operation) string {
	if op.Action == "" {
		return "whoever has a role"
	}
	var roles []string
	for _, r := range admin.RolesWith(op.Action) {
		roles = append(roles, roleInWords(r))
	}
	out := strings.Join(roles, ", ")
	if op.Fresh {
		out += "; a user within 5 minutes of signing in"
	}
	return out
}

func roleInWords(r tenants.Role) string { return strings.ToLower(inWords(string(r))) }

// meaning says what a value is for, and what it can be.
func meaning(doc string, choices []string, preset string) string {
	parts := []string{doc}
	if choices = slices.DeleteFunc(slices.Clone(choices), func(s string) bool { return s == "" }); len(choices) > 0 {
		parts = append(parts, "One of "+strings.Join(choices, ", ")+".")
	}
	if preset != "" {
		parts = append(parts, "Without it: "+preset+".")
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// tagWords calls a group of operations as the pages of the console call its things.
func tagWords(tag string) string {
	if words, ok := map[string]string{"idps": "Identity providers", "two_factors": "TwoFactor instances", "two_factor_types": "TwoFactor types"}[tag]; ok {
		return words
	}
	if of, ok := strings.CutPrefix(tag, "platform_"); ok {
		return inWords(of) + " of the server"
	}
	return inWords(tag)
}

func inWords(name string) string {
	name = strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(name[:1]) + name[1:]
}
