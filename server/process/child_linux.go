package process

import "syscall"

// childAttr makes the kernel kill a server when the thread that started it ends, and so with this process. A Ctrl-C is for this
// process, which may still have something to ask its servers, and not for them.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
