package consensus

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve takes disk space for the first n bytes of file without making it longer.
func reserve(file *os.File, n int64) error {
	return control(file, "fallocate", func(fd int) error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, n) })
}

// syncData waits until all of file is on disk, and as much of its metadata as is needed to read it again.
func syncData(file *os.File) error {
	return control(file, "fdatasync", unix.Fdatasync)
}

// control calls call until it is not interrupted. file cannot be closed meanwhile.
func control(file *os.File, op string, call func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for failed = unix.EINTR; errors.Is(failed, unix.EINTR); {
			failed = call(int(fd))
		}
	})
	if err == nil && failed != nil {
		err = &os.PathError{Op: op, Path: file.Name(), Err: failed}
	}
	return err
}
