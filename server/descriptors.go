package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// boundConnections lowers the number of connections to what the process may have open files for: whoever connects must not
// take the descriptors that the log needs for its next file, for without that the process ends. It returns what to say about
// it, empty if nothing was lowered, and an error if hardly anybody could connect.
func (c *Config) boundConnections() (said string, err error) {
	limit, err := c.openFiles()
	if err != nil {
		return "", fmt.Errorf("the limit of open files cannot be read: %w", err)
	}
	if limit < descriptorsReserved+connectionsMin {
		return "", fmt.Errorf("the process may have %d open files, and the server needs at least %d: raise the limit (ulimit -n, LimitNOFILE)",
			limit, descriptorsReserved+connectionsMin)
	}
	room := limit - descriptorsReserved
	if uint64(c.ConnectionsMax) <= room {
		return "", nil
	}
	said = fmt.Sprintf("fewer connections than configured: %d instead of %d, because the process may have only %d open files "+
		"(ulimit -n, LimitNOFILE)", room, c.ConnectionsMax, limit)
	c.ConnectionsMax = int(room)
	return said, nil
}

// openFiles is how many files the process may have open.
func openFiles() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return uint64(limit.Cur), nil
}
