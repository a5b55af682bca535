package recipes

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
)

// FenceGate stands in front of a resource that knows nothing of the service (a file, a device, a foreign API) and lets nobody
// act on it who may have lost the lock: it keeps the highest fencing token ([Hold.Fence]) that it has seen for each
// resource, and refuses a lower one.
//
// A holder that was paused past its timeout believes in its lock until it looks; its lock may have gone to somebody else
// meanwhile. No service can stop it, only whoever receives what it sends. The next holder has a higher token, in any case:
// so from the moment at which the resource has seen the next one, the gate refuses the last one.
//
// What it guarantees: of two tokens, the lower is never admitted after the higher, unless both are shared ones. Shared tokens
// come in any order among themselves, because their holders have what they hold at the same time: one that has lost its hold is
// admitted until somebody who is alone, and came later, was. Where nobody ever is alone, as with the permits of a [Semaphore],
// a gate refuses nobody. What it cannot: refuse the last holder while the next one has not acted yet. That is harmless for an
// act that only counts for the resource, because it is as if it had come in time. A resource is one thing with one lock: tokens
// of different locks say nothing about each other.
//
// Who is best at it is the resource itself. A table takes a column for the token and "UPDATE … WHERE token <= $1"; a
// znode of this service needs no gate at all, see [Hold.Commit]. Otherwise: [MemoryGate] in the one process through which
// all acts go, with which check and act are one; [ZnodeGate] if there is no such process.
//
// The counterparts elsewhere: a comparison with etcd's create revision of the lock's key or Consul's LockIndex, which each
// user writes himself; Redisson's RFencedLock has tokens and leaves the check to the resource; Curator's locks have no
// token.
type FenceGate interface {
	// Admit checks the token of a hold that is alone: a lock, a writer, a leadership. It is admitted if nobody with a higher
	// token was, alone or shared; the same token is admitted again and again. Refusals are a [FencedError].
	Admit(ctx context.Context, resource string, token client.Zxid) error

	// AdmitShared checks the token of a hold that several may have at once, such as a reader's. It is admitted if nobody
	// who is alone with a higher token was, whatever shared ones were.
	AdmitShared(ctx context.Context, resource string, token client.Zxid) error
}

// ErrFenced is what errors.Is finds in every [FencedError].
var ErrFenced = errors.New("fenced off")

// FencedError is a token that a [FenceGate] has refused: its hold is over, and another one has been there since. It is final.
type FencedError struct {
	Resource string
	Token    client.Zxid // that was refused; 0 is the token of no hold, and always refused
	Highest  client.Zxid // that has been seen, or that a [MemoryGate] began with
}

// Error returns one line: "fenced off: disk 7 has seen token 1204, this one is 1191".
func (e *FencedError) Error() string {
	return fmt.Sprintf("%v: %s has seen token %d, this one is %d", ErrFenced, e.Resource, uint64(e.Highest), uint64(e.Token))
}

// Unwrap returns [ErrFenced].
func (e *FencedError) Unwrap() error { return ErrFenced }

// marks are the highest tokens that one resource has seen.
type marks struct {
	Alone  client.Zxid `json:"alone"`
	Shared client.Zxid `json:"shared,omitempty"`
}

func (m marks) highest() client.Zxid { return max(m.Alone, m.Shared) }

// admit returns the marks after a token, which are the same if it is a known one; or the refusal.
func (m marks) admit(resource string, token client.Zxid, shared bool) (marks, error) {
	bound := m.highest()
	if shared {
		bound = m.Alone
	}
	if token == 0 || token < bound {
		return m, &FencedError{Resource: resource, Token: token, Highest: bound}
	}
	if shared {
		m.Shared = max(m.Shared, token)
	} else {
		m.Alone = token
	}
	return m, nil
}
