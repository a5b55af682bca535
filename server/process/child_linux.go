package process

import "syscall"

// childAttr makes the kernel kill a server when the thread that started it ends, and so with this process.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
