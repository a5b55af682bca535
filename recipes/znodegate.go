package recipes

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/coxswain-io/coxswain/client"
)

// ZnodeGate is a [FenceGate] for resources that are reached from many processes: what was seen is kept in the service.
//
//	/gates/disk%207    persistent: {"alone":1204,"shared":1190}
//
// A new token costs a read and a write, one that was seen before a linearizable read. Marks only ever rise, each by a
// transaction that fails if another one has come first, and are there after restarts of everything.
//
// The check and the act are not one. Admit says that nobody with a higher token had been admitted when the service answered;
// a process that is paused between the answer and its act may be overtaken by a newer holder. So a znode gate stops whoever
// comes back late and asks, which is what happens nearly always, and makes the window as short as one act. It is no
// substitute for a resource that checks for itself, as a [MemoryGate] in front of it does. Whoever acts in several steps
// asks before each.
//
// The node of a resource stays until somebody deletes it, which is right only when the resource is gone for good: what it
// had refused would be admitted again.
//
// All methods may be called from any goroutine, of any number of processes.
type ZnodeGate struct {
	c    *client.Client
	path string
}

// NewZnodeGate returns the gate whose resources are nodes below path, which need not exist. It does not ask the service.
func NewZnodeGate(c *client.Client, path string) *ZnodeGate { return &ZnodeGate{c: c, path: path} }

// Admit implements [FenceGate]. Other errors than refusals: ctx's cause, those of [client.Client.Set] and
// [client.Client.Create]; nothing is known then, and the call may be made again. A resource has a name of at least one byte,
// and neither "." nor "..".
func (g *ZnodeGate) Admit(ctx context.Context, resource string, token client.Zxid) error {
	return g.check(ctx, resource, token, false)
}

// AdmitShared implements [FenceGate]; errors as for [ZnodeGate.Admit].
func (g *ZnodeGate) AdmitShared(ctx context.Context, resource string, token client.Zxid) error {
	return g.check(ctx, resource, token, true)
}

func (g *ZnodeGate) check(ctx context.Context, resource string, token client.Zxid, shared bool) error {
	path := join(g.path, nodeName(resource))
	for {
		known, guard, err := g.read(ctx, path)
		if err != nil {
			return failed("admit", path, err)
		}
		after, err := known.admit(resource, token, shared)
		if err != nil || after == known {
			return err
		}
		data, err := json.Marshal(after)
		if err != nil {
			return failed("admit", path, err)
		}
		if guard == nil {
			_, _, err = g.c.Create(ctx, path, data, client.Parents())
		} else {
			_, err = g.c.Set(ctx, path, data, guard)
		}
		if !errors.Is(err, client.ErrNodeExists) && !errors.Is(err, client.ErrMismatch) && !errors.Is(err, client.ErrNoNode) {
			return failed("admit", path, err)
		}
		// Somebody else was admitted meanwhile, perhaps with a higher token.
	}
}

// read returns what the node at path says, and a guard for its replacement; none if there is no node.
func (g *ZnodeGate) read(ctx context.Context, path string) (marks, client.WriteOption, error) {
	n, err := g.c.Get(ctx, path, client.AtLevel(client.Linearizable))
	if errors.Is(err, client.ErrNoNode) {
		return marks{}, nil, nil
	} else if err != nil {
		return marks{}, nil, err
	}
	var m marks
	err = json.Unmarshal(n.Data, &m)
	return m, client.IfMzxid(n.Stat.Mzxid), err
}

// nodeName makes a node's name of any text: what does not go with paths is escaped as in URLs.
func nodeName(text string) string { return url.PathEscape(text) }

// textOf is the reverse of [nodeName]; a name that it has not made is its own text.
func textOf(name string) string {
	if text, err := url.PathUnescape(name); err == nil {
		return text
	}
	return name
}
