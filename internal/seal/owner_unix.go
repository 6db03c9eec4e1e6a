//go:build unix

package seal

import (
	"os"
	"syscall"
)

// sameOwner gives f the owner and group of another file.
func sameOwner(f *os.File, as os.FileInfo) error {
	want, ok := as.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	have, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := have.Sys().(*syscall.Stat_t); ok && is.Uid == want.Uid && is.Gid == want.Gid {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}
