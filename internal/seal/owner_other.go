//go:build !unix

package seal

import "os"

// sameOwner has nothing to do where a new file belongs to who may write there.
func sameOwner(*os.File, os.FileInfo) error { return nil }
