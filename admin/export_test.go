package admin

import "io"

// ReadAllImport reads a file of users as an import does, and gives what is wrong with it
// by itself.
func ReadAllImport(r io.Reader) ([]ImportFault, error) {
	lines, err := readImport(r)
	if err != nil {
		return nil, err
	}
	var all []ImportFault
	for {
		e, err := lines.next()
		if err != nil || e == nil {
			return all, err
		}
		all = append(all, e.faults...)
	}
}
