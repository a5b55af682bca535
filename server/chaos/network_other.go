//go:build !linux

package chaos

import "errors"

// OpenNetwork is not possible here.
func OpenNetwork(int, uint64) (*Network, error) {
	return nil, errors.New("network namespaces are there on Linux only")
}
