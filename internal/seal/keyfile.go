package seal

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ParseKey reads a master key: 32 bytes as 64 hex digits or base64.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if b, err := hex.DecodeString(text); err == nil && len(b) == KeySize {
		return b, nil
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(text); err == nil && len(b) == KeySize {
			return b, nil
		}
	}
	return nil, fmt.Errorf("seal: a master key is %d bytes as hex or base64", KeySize)
}

// ReadKeyFile reads master keys from a file, one a line, the sealing one first.
// With create, a missing file is made with one new key, readable by its owner alone.
func ReadKeyFile(path string, create bool, random io.Reader) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && create {
		return createKeyFile(path, random)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	var keys [][]byte
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		k, err := ParseKey(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("seal: the key file holds no key")
	}
	return keys, nil
}

func createKeyFile(path string, random io.Reader) ([][]byte, error) {
	key := make([]byte, KeySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	// Sealed values must not outlive the key in a power cut.
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return [][]byte{key}, nil
}

// AddKey draws a new key and puts it at the end of the key file, where it opens and does
// not seal. It returns the key's id.
func AddKey(path string, random io.Reader) (string, error) {
	key := make([]byte, KeySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	id, err := KeyID(key)
	if err != nil {
		return "", err
	}
	return id, editKeyFile(path, func(lines []keyLine) ([]keyLine, error) {
		return append(lines, keyLine{id, hex.EncodeToString(key)}), nil
	})
}

// PutKeyFirst makes a key of the file the sealing one; the others still open. A file that
// has it first already is left alone, so it may be one that cannot be written.
func PutKeyFirst(path, id string) error {
	keys, err := ReadKeyFile(path, false, nil)
	if err != nil {
		return err
	}
	if first, err := KeyID(keys[0]); err != nil || first == id {
		return err
	}
	return editKeyFile(path, func(lines []keyLine) ([]keyLine, error) {
		i, err := find(lines, id)
		if err != nil {
			return nil, err
		}
		return append([]keyLine{lines[i]}, slices.Delete(slices.Clone(lines), i, i+1)...), nil
	})
}

// DropKey takes a key out of the file that does not seal.
func DropKey(path, id string) error {
	return editKeyFile(path, func(lines []keyLine) ([]keyLine, error) {
		switch i, err := find(lines, id); {
		case err != nil:
			return nil, err
		case i == 0:
			return nil, fmt.Errorf("seal: %s is the key that seals", id)
		default:
			return slices.Delete(lines, i, i+1), nil
		}
	})
}

type keyLine struct{ id, text string }

func find(lines []keyLine, id string) (int, error) {
	i := slices.IndexFunc(lines, func(l keyLine) bool { return l.id == id })
	if i < 0 {
		return 0, fmt.Errorf("seal: the key file holds no key %s", id)
	}
	return i, nil
}

// editKeyFile changes the file in one step: whoever reads it meanwhile, or after a power
// cut, finds the old lines or the new ones. Whoever could read it can go on doing so, but
// for others than owner and group. The file beside it that the new lines are written to
// also keeps out a second command.
func editKeyFile(path string, change func([]keyLine) ([]keyLine, error)) (err error) {
	path, err = filepath.EvalSymlinks(path) // a link stays one
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("seal: another command is changing the key file; if none is, remove %s", next)
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(next)
		}
	}()
	text, err := changed(path, change)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = likeOld(f, path)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(next, path); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// changed is the text of the file at path after a change.
func changed(path string, change func([]keyLine) ([]keyLine, error)) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	var lines []keyLine
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, err := ParseKey(line)
		if err != nil {
			return "", err
		}
		id, err := KeyID(key)
		if err != nil {
			return "", err
		}
		lines = append(lines, keyLine{id, line})
	}
	if lines, err = change(lines); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text + "\n")
	}
	return b.String(), nil
}

// likeOld gives the new file the owner of the old one, and its mode without others.
func likeOld(f *os.File, path string) error {
	old, err := os.Stat(path)
	if err == nil {
		err = sameOwner(f, old)
	}
	if err == nil {
		err = f.Chmod(old.Mode().Perm() & 0o660)
	}
	if err != nil {
		return fmt.Errorf("seal: the key file's owner and mode: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}
