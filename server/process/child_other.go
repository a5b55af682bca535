//go:build !linux

package process

import "syscall"

// childAttr has no way here to end a server together with this process: one that is killed leaves its servers running.
func childAttr() *syscall.SysProcAttr { return nil }
