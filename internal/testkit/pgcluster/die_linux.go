package pgcluster

import "syscall"

// dieWithParent makes the kernel end the server when this process ends, even by
// SIGKILL. Go sets it after the change of user, which would clear it.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }
