package recipes

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-rendezvous"
)

// ErrNoInstance: no instance of the service is passing.
var ErrNoInstance = errors.New("no passing instance")

// Discovery knows the instances of one service at any time, from a [Cache] of its own. All methods may be called from any
// goroutine and, but for Close, ask nobody. The first call after a change works out the instances anew, which takes some
// microseconds for each, and the calls that are made meanwhile wait for it.
type Discovery struct {
	path  string
	cache *Cache
	turn  atomic.Uint64 // of [RoundRobin]

	mu   sync.Mutex
	live *instances // of the newest view that was looked at
}

// instances is the instances of one view; immutable.
type instances struct {
	of      *nodeTree
	all     []ServiceInstance // those that pass first
	passing []ServiceInstance // the first part of all, by id
	sticky  func() *rendezvous.Rendezvous
}

// Watch follows the instances of a service, which need have none, and returns when they are known. The end of ctx does not end
// it later. Errors: client.ErrBadArguments for an impossible name, those of [NewCache].
func (r *Registry) Watch(ctx context.Context, name string) (*Discovery, error) {
	path, err := r.pathOf("watch", name)
	if err != nil {
		return nil, err
	}
	cache, err := NewCache(ctx, r.c, path)
	if err != nil {
		return nil, failed("watch", path, err)
	}
	return &Discovery{path: path, cache: cache}, nil
}

// Instances returns all instances, those that pass first, in the order of their ids, and a channel that is closed when they may
// be others; that of a Discovery that has ended is closed from the beginning. The slice and what is in it are shared and must
// not be modified. After the end, or while the service is not reached, the last ones stay: what they offer may well be there.
func (d *Discovery) Instances() ([]ServiceInstance, <-chan struct{}) {
	live, changed := d.look()
	return live.all, changed
}

// Choose returns one of the passing instances. It fails with [ErrNoInstance] if there is none.
func (d *Discovery) Choose(strategy Strategy) (ServiceInstance, error) {
	live, _ := d.look()
	if len(live.passing) == 0 {
		return ServiceInstance{}, &Error{Op: "choose", Path: d.path, Err: ErrNoInstance}
	}
	return live.passing[strategy(d, live)], nil
}

// Err returns why the Discovery has ended, as [Cache.Err]; nil before.
func (d *Discovery) Err() error { return d.cache.Err() }

// Done returns a channel that is closed when the Discovery has ended.
func (d *Discovery) Done() <-chan struct{} { return d.cache.Done() }

// Close ends the Discovery and returns when its goroutines have ended.
func (d *Discovery) Close() { d.cache.Close() }

// look returns the instances of the newest view. They are worked out once for all views with the same nodes.
func (d *Discovery) look() (*instances, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	view, changed := d.cache.View()
	if d.live == nil || d.live.of != view.tree {
		d.live = newInstances(view, d.path)
	}
	return d.live, changed
}

func newInstances(view View, path string) *instances {
	live := &instances{of: view.tree, all: instancesOf(path, view.Children(path))}
	n := slices.IndexFunc(live.all, func(i ServiceInstance) bool { return i.Health != HealthPassing })
	if n < 0 {
		n = len(live.all)
	}
	live.passing = live.all[:n:n]
	live.sticky = sync.OnceValue(func() *rendezvous.Rendezvous {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = live.passing[i].ID
		}
		return rendezvous.New(ids, xxhash.Sum64String)
	})
	return live
}

// Strategy says which of several instances [Discovery.Choose] returns.
type Strategy func(*Discovery, *instances) int

// RoundRobin takes the instances in turns, which all who choose by the same [Discovery] share.
func RoundRobin() Strategy {
	return func(d *Discovery, live *instances) int {
		return int((d.turn.Add(1) - 1) % uint64(len(live.passing)))
	}
}

// Random takes any, each with the same probability: callers that know nothing of each other do not move in step.
func Random() Strategy {
	return func(_ *Discovery, live *instances) int { return rand.IntN(len(live.passing)) }
}

// Sticky takes the same instance for the same key, in all processes, as long as it passes. When one goes, its keys alone are
// spread over the others; when one comes, it takes its share from all of them (rendezvous hashing over the ids).
// It looks at every instance, which takes two nanoseconds each.
func Sticky(key string) Strategy {
	return func(_ *Discovery, live *instances) int {
		id := live.sticky().Lookup(key)
		i, _ := slices.BinarySearchFunc(live.passing, id, func(i ServiceInstance, id string) int { return cmp.Compare(i.ID, id) })
		return i
	}
}
