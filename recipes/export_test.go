package recipes

import (
	"context"

	"github.com/coxswain-io/coxswain/client"
)

// Settle is what somebody at the front of a line with a lock-delay does, for a place that a test has made itself.
func Settle(ctx context.Context, l *Lock, path string, stat client.Stat) error {
	n := node{path: path, czxid: stat.Czxid, owner: client.SessionID(stat.Owner)}
	return l.settle(ctx, []place{{node: n, line: l.paths[0]}}, true, false)
}
