package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"twofold/internal/audit"
	"twofold/internal/db"
	"twofold/internal/masterkey"
	"twofold/internal/seal"
)

// keysCmd are the commands that change the master key (docs/adr/0027).
type keysCmd struct {
	Status keysStatusCmd `cmd:"" help:"Show the keys of the key file by their ids, and how many values are sealed under each."`
	Add    keysAddCmd    `cmd:"" help:"Draw a new key and put it at the end of the key file: it opens, and does not seal yet."`
	Rotate keysRotateCmd `cmd:"" help:"Make a key of the file the one that seals, and seal everything anew under it."`
	Drop   keysDropCmd   `cmd:"" help:"Take a key out of the key file, if nothing is sealed under it."`
}

// inFile is the key file of these flags, for a command that changes it.
func (d databaseFlags) inFile() (string, error) {
	if d.MasterKey != "" {
		return "", errors.New(`the master key is given by --master-key or TWOFOLD_MASTER_KEY, which hold one key and cannot be changed from here.
Put the key into a file that its owner alone can read, give every replica --master-key-file=FILE in its place, restart them, and run this again`)
	}
	databaseURL, err := d.existing()
	if err != nil {
		return "", err
	}
	return d.keyFile(databaseURL)
}

type keysStatusCmd struct{ databaseFlags }

// Run shows keys and what is sealed under them.
func (c *keysStatusCmd) Run(ctx context.Context, s streams) error {
	h, err := c.openExisting(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = h.close() }()
	use, err := h.keyUse(ctx)
	if err != nil {
		return err
	}
	for i, id := range h.keys.Seal.KeyIDs() {
		role := "opens"
		if i == 0 {
			role = "seals"
		}
		fmt.Fprintf(s.Out, "%s  %s  %d values%s\n", id, role, use[id].total(), use[id].inBrackets())
		delete(use, id)
	}
	lost := slices.Sorted(maps.Keys(use))
	for _, id := range lost {
		fmt.Fprintf(s.Out, "%s  lost   %d values%s\n", named(id), use[id].total(), use[id].inBrackets())
	}
	origin, err := h.keys.Origin(ctx)
	if err != nil {
		return err
	}
	if origin == masterkey.Drawn {
		fmt.Fprintln(s.Out, "MACs: by a key of their own, which stays when the master key goes")
	} else {
		fmt.Fprintln(s.Out, "MACs: by a key that follows from an old master key; it stays when that goes, but who knows that knows it")
	}
	if len(lost) > 0 {
		return errors.New("values are sealed under keys that are not there")
	}
	return nil
}

// openExisting builds a house on a database that is there already.
func (d databaseFlags) openExisting(ctx context.Context, s streams) (*house, error) {
	if _, err := d.existing(); err != nil {
		return nil, err
	}
	return d.open(ctx, s, 0)
}

type keysAddCmd struct{ databaseFlags }

// Run puts a new key at the end of the file.
func (c *keysAddCmd) Run(s streams) error {
	file, err := c.inFile()
	if err != nil {
		return err
	}
	id, err := seal.AddKey(file, rand.Reader)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, `key %s is in %s; it opens, and does not seal yet
Next: keep a copy of the file, give it to every replica and restart them one by one.
When all know the key: twofold keys rotate %s
`, id, file, id)
	return nil
}

type keysRotateCmd struct {
	databaseFlags
	ID     string `arg:"" optional:"" help:"Key of the file that is to seal from now on. Without it, the one that seals goes on; what is still under another key is sealed anew."`
	Single bool   `help:"For a single server, which must be stopped: draw a new key and do it all at once."`
}

// Run makes a key the sealing one and seals anew what is under others.
func (c *keysRotateCmd) Run(ctx context.Context, s streams) error {
	if c.ID != "" || c.Single {
		if err := c.putFirst(ctx, s); err != nil {
			return err
		}
	}
	h, err := c.openExisting(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = h.close() }()
	ids := h.keys.Seal.KeyIDs()
	fmt.Fprintf(s.Out, "key %s seals\n", ids[0])
	r, err := h.reseal(ctx, s)
	if err != nil {
		return fmt.Errorf("%w\nNothing is lost: twofold keys rotate goes on from here", err)
	}
	if r.Closed > 0 {
		return fmt.Errorf("%d values do not open: see twofold keys status", r.Closed)
	}
	if len(ids) == 1 {
		fmt.Fprintln(s.Out, "There is no other key. For a new one: twofold keys add; or, with a single server that is stopped: twofold keys rotate --single")
		return nil
	}
	if c.Single {
		fmt.Fprintf(s.Out, "Next: start the server; it opens and seals under the new key. Then, for the old one: twofold keys drop %s\n", ids[1])
		return nil
	}
	fmt.Fprintf(s.Out, `Next: give the key file to every replica and restart them: until then they seal under the key before.
After that: twofold keys rotate, for what they sealed, and for each old key twofold keys drop ID (%s)
`, strings.Join(ids[1:], ", "))
	return nil
}

// putFirst changes the file, once it is known that the database opens by it.
func (c *keysRotateCmd) putFirst(ctx context.Context, s streams) error {
	if c.ID != "" && c.Single {
		return errors.New("--single draws a new key: give no ID with it")
	}
	file, err := c.inFile()
	if err != nil {
		return err
	}
	h, err := c.openExisting(ctx, s)
	if err != nil {
		return err
	}
	if err := h.close(); err != nil {
		return err
	}
	if c.Single {
		if c.ID, err = c.addAlone(ctx, file); err != nil {
			return err
		}
	}
	return seal.PutKeyFirst(file, c.ID)
}

// addAlone adds a key where no server works: one that did would not know it.
func (c *keysRotateCmd) addAlone(ctx context.Context, file string) (string, error) {
	databaseURL, err := c.url()
	if err != nil {
		return "", err
	}
	if err := db.Alone(ctx, databaseURL); err != nil {
		return "", fmt.Errorf("%w: stop the server first, or go by twofold keys add", err)
	}
	return seal.AddKey(file, rand.Reader)
}

// reseal seals anew what is not under the first key, and says how far it is.
func (h *house) reseal(ctx context.Context, s streams) (all masterkey.Report, err error) {
	for _, c := range h.sealed() {
		r, err := c.Reseal(ctx, func(n int64) {
			if isTerminal(s.Out) {
				fmt.Fprintf(s.Out, "\r%s: %d", c.Name(), n)
			}
		})
		if err != nil {
			return all, err
		}
		if isTerminal(s.Out) {
			fmt.Fprint(s.Out, "\r")
		}
		fmt.Fprintf(s.Out, "%s: %d sealed anew", c.Name(), r.Resealed)
		if r.Closed > 0 {
			fmt.Fprintf(s.Out, ", %d do not open", r.Closed)
		}
		fmt.Fprintln(s.Out)
		all.Resealed, all.Closed = all.Resealed+r.Resealed, all.Closed+r.Closed
	}
	if all.Resealed == 0 {
		return all, nil
	}
	e := audit.Event{Kind: "keys.rotated", Actor: "operator"}
	return all, h.audit.Record(ctx, e, map[string]any{"key": h.keys.Seal.KeyIDs()[0], "values": all.Resealed})
}

type keysDropCmd struct {
	databaseFlags
	ID string `arg:"" help:"Key to take out of the file."`
}

// Run takes a key out of the file.
func (c *keysDropCmd) Run(ctx context.Context, s streams) error {
	file, err := c.inFile()
	if err != nil {
		return err
	}
	h, err := c.openExisting(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = h.close() }()
	use, err := h.keyUse(ctx)
	if err != nil {
		return err
	}
	if n := use[c.ID].total(); n > 0 {
		return fmt.Errorf("%d values are sealed under %s%s: run twofold keys rotate first", n, c.ID, use[c.ID].inBrackets())
	}
	if err := seal.DropKey(file, c.ID); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, `key %s is no longer in %s
Backups from before the rotation open only with it: keep it with them, apart, for as long as you keep them.
`, c.ID, file)
	return h.audit.Record(ctx, audit.Event{Kind: "keys.dropped", Actor: "operator"}, map[string]any{"key": c.ID})
}

// columnUse is how many values of each column are sealed under one key.
type columnUse map[string]int64

func (u columnUse) total() (n int64) {
	for _, v := range u {
		n += v
	}
	return n
}

func (u columnUse) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(u)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, u[name]))
	}
	return strings.Join(parts, ", ")
}

func (u columnUse) inBrackets() string {
	if len(u) == 0 {
		return ""
	}
	return " (" + u.String() + ")"
}

// keyUse counts the sealed values of the database by the key they are under.
func (h *house) keyUse(ctx context.Context) (map[string]columnUse, error) {
	all := map[string]columnUse{}
	for _, c := range h.sealed() {
		counts, err := c.Count(ctx)
		if err != nil {
			return nil, err
		}
		for id, n := range counts {
			if all[id] == nil {
				all[id] = columnUse{}
			}
			all[id][c.Name()] += n
		}
	}
	return all, nil
}

// named is a key id, or a word for values that name none.
func named(id string) string { return cmp.Or(id, "unknown") }
