package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// diskPrefix begins the names of all mounts of this package; the process id follows.
const diskPrefix = "coxchaos-"

// mountDisk mounts a small file system in memory on dir, which it makes.
func mountDisk(dir string) error {
	if err := unmountStale(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount(diskPrefix+strconv.Itoa(os.Getpid()), dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", diskBytes)); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return nil
}

// unmountDisk removes it with all that is on it.
func unmountDisk(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }

// unmountStale removes the file systems of runs that were killed.
func unmountStale() error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		id, ours := strings.CutPrefix(fields[0], diskPrefix)
		if pid, err := strconv.Atoi(id); !ours || err != nil || alive(pid) {
			continue
		}
		if err := unmountDisk(fields[1]); err != nil {
			return fmt.Errorf("unmount %s: %w", fields[1], err)
		}
	}
	return nil
}

// alive reports whether there is a process of this id.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// lacking says what this machine lacks for faults of an area; "" if nothing.
func lacking(a area) string {
	need := map[area][]string{network: {"ip"}, disk: {"strace"}}[a]
	if len(need) > 0 && os.Geteuid() != 0 {
		return "not root"
	}
	for _, program := range need {
		if _, err := exec.LookPath(program); err != nil {
			return "no " + program
		}
	}
	if a == network {
		file, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
		if err != nil {
			return strings.TrimPrefix(err.Error(), "open ")
		}
		file.Close()
	}
	return ""
}
