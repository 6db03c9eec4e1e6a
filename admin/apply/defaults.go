package apply

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// withDefaults fills what a new entity's keys lack from the tags of its struct.
func withDefaults[T any](s T) T {
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		def, ok := tag.Lookup("default")
		if !ok || v.Field(i).FieldByName("set").Bool() {
			continue
		}
		var n yaml.Node
		p := &parser{}
		if err := yaml.Unmarshal([]byte(def), &n); err == nil {
			p.read(n.Content[0], place{}, v.Field(i).Addr().Interface(), tag)
		}
		if len(p.problems) > 0 || !v.Field(i).FieldByName("set").Bool() {
			panic(fmt.Sprintf("apply: %T: the default of %s cannot be read", s, tag.Get("key")))
		}
	}
	return s
}
