package recipes

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// MemoryGate is a [FenceGate] in the memory of the one process through which all acts on its resources go. With
// [MemoryGate.Do] the check and the act are one: nobody with a higher token is admitted until the act is over, so an older
// act never overtakes a newer one.
//
// It remembers 65,536 resources. If there are more it forgets an eighth of them, those that nobody has used for the longest
// time, and keeps in mind how high their tokens were: a resource that it does not know is taken for one that has seen that
// much. So it never admits what it should refuse. It may refuse a hold that comes for the first time, or again after more than
// fifty thousand other resources were used, if it is older than what was forgotten; its owner releases it and acquires a new
// one. One that acts more often than that is never forgotten.
//
// A gate that is made anew, after a restart, has forgotten everything: the holder of an old token could act once more, and
// after a newer one. There are two ways out. What was seen is kept with the resource. Or, which needs no disk, the new gate
// begins behind the present zxid of the service: then nobody is admitted whose hold is from before the restart, and
// everybody who wants to go on acquires anew.
//
//	var now client.Zxid
//	if _, _, err := c.Exists(ctx, "/", client.AtLevel(client.Linearizable), client.WithZxid(&now)); err != nil { … }
//	gate := recipes.NewMemoryGate(now + 1)
//
// All methods may be called from any goroutine. It asks no service and has no goroutine of its own.
type MemoryGate struct {
	mu    sync.Mutex
	floor client.Zxid // what a resource that is not known has seen, alone
	known map[string]*guarded
	uses  uint64 // that are over
}

// guarded is one resource.
type guarded struct {
	turn  chan struct{} // has an element while somebody checks or acts
	marks marks         // of whoever has the turn, or of the gate's mutex if there are no users
	users int           // who have the turn, or wait for it; guarded by the gate's mutex
	used  uint64        // the last of the gate's uses that was of this one; guarded by the gate's mutex
}

// NewMemoryGate returns a gate whose resources have seen the token begin, 0 for resources that are new.
func NewMemoryGate(begin client.Zxid) *MemoryGate {
	return &MemoryGate{floor: begin, known: map[string]*guarded{}}
}

// Admit implements [FenceGate]. It waits while somebody acts on the resource, or until ctx ends, and then fails with its cause.
func (g *MemoryGate) Admit(ctx context.Context, resource string, token client.Zxid) error {
	return g.check(ctx, resource, token, false, nil)
}

// AdmitShared implements [FenceGate]. It waits as [MemoryGate.Admit] does.
func (g *MemoryGate) AdmitShared(ctx context.Context, resource string, token client.Zxid) error {
	return g.check(ctx, resource, token, true, nil)
}

// Do admits a token as [MemoryGate.Admit] does and then calls act, in the caller's goroutine. Until act returns nobody else
// is admitted to the resource, newer or older. Errors: those of Admit, and then act is not called; the error of act. act
// must not use the gate for the same resource.
func (g *MemoryGate) Do(ctx context.Context, resource string, token client.Zxid, act func() error) error {
	return g.check(ctx, resource, token, false, act)
}

func (g *MemoryGate) check(ctx context.Context, resource string, token client.Zxid, shared bool, act func() error) error {
	r := g.enter(resource)
	defer g.leave(r)
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return failed("admit", resource, ended(ctx))
	}
	defer func() { <-r.turn }()
	after, err := r.marks.admit(resource, token, shared)
	if err != nil {
		return err
	}
	r.marks = after
	if act == nil {
		return nil
	}
	return act()
}

func (g *MemoryGate) enter(resource string) *guarded {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.known[resource]
	if r == nil {
		r = &guarded{turn: make(chan struct{}, 1), marks: marks{Alone: g.floor}}
		g.known[resource] = r
	}
	r.users++
	return r
}

func (g *MemoryGate) leave(r *guarded) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r.users--
	g.uses++
	r.used = g.uses
	if len(g.known) > gateResourcesMax {
		g.forget()
	}
}

// forget drops an eighth of the resources, the least recently used, and raises the floor to what they have seen. Those that are in
// use stay.
func (g *MemoryGate) forget() {
	var idle []string
	for resource, r := range g.known {
		if r.users == 0 {
			idle = append(idle, resource)
		}
	}
	slices.SortFunc(idle, func(a, b string) int { return cmp.Compare(g.known[a].used, g.known[b].used) })
	for _, resource := range idle[:(len(idle)+7)/8] {
		g.floor = max(g.floor, g.known[resource].marks.highest())
		delete(g.known, resource)
	}
}
