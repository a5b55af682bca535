package watch

// MaxPerWatcher bounds the watches of one connection: some 100 bytes each, so about 10 MB for the greediest client.
// Past it a registration is refused with [ErrTooMany]; the read itself is answered with the same error.
const MaxPerWatcher = 100_000
