package watch

import "github.com/coxswain-io/coxswain/wire"

// MaxPerWatcher bounds the watches of one connection: some 100 bytes each, so about 10 MB for the greediest client.
// Past it a registration is refused with [ErrTooMany]; the read itself is answered with the same error.
const MaxPerWatcher = wire.WatchesMax
