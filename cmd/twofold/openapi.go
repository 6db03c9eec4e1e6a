package main

import (
	"fmt"

	"twofold/admin/rest"
)

type openAPICmd struct {
	Format string `enum:"yaml,json" default:"yaml" help:"yaml or json."`
	For30  bool   `name:"openapi-3.0" help:"For tools that do not know OpenAPI 3.1."`
}

// Run prints the document.
func (c *openAPICmd) Run(s streams) error {
	name := "openapi"
	if c.For30 {
		name += "-3.0"
	}
	_, err := fmt.Fprintf(s.Out, "%s", rest.New(rest.Config{}).OpenAPI(name+"."+c.Format))
	return err
}
