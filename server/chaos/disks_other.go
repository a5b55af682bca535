//go:build !linux

package chaos

import "errors"

func mountDisk(string) error {
	return errors.New("small file systems in memory are made on Linux only")
}

func unmountDisk(string) error { return nil }

// lacking says what this machine lacks for faults of an area; "" if nothing.
func lacking(a area) string {
	if a == network || a == disk {
		return "not Linux"
	}
	return ""
}
