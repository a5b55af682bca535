package server

import "golang.org/x/sys/unix"

// freeDisk is the space in bytes that an ordinary process may still use on the file system of dir.
func freeDisk(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}
