package watch

import "github.com/coxswain-io/coxswain/wire"

const (
	// MaxPerWatcher bounds the watches of one connection. Past it a registration is refused with [ErrTooMany]; the read
	// itself is answered with the same error.
	MaxPerWatcher = wire.WatchesMax

	// MaxPathBytesPerWatcher bounds the paths of those watches, in bytes: with some 200 bytes for each watch besides, the
	// greediest client costs less than 40 MB.
	MaxPathBytesPerWatcher = 16 << 20
)
