//go:build !linux

package pgcluster

import "syscall"

// dieWithParent can do nothing here: Stop must be called.
func dieWithParent(*syscall.SysProcAttr) {}
