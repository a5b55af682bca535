package load

import (
	"cmp"
	"context"
	"slices"
	"strconv"
)

// Workload is what callers do again and again.
type Workload struct {
	Name  string
	About string // one line for the help

	keysMin int                                               // nodes that each client needs
	listed  bool                                              // it needs the node that is listed, with its children
	step    func(ctx context.Context, c *caller, n int) error // the nth operation of a caller
}

// Workloads are all workloads, by the name in order.
func Workloads() []Workload {
	all := slices.Clone(workloads)
	slices.SortFunc(all, func(a, b Workload) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func workloadNamed(name string) (Workload, bool) {
	for _, w := range workloads {
		if w.Name == name {
			return w, true
		}
	}
	return Workload{}, false
}

var workloads = []Workload{
	{Name: "set", About: "set a node of the client's own", step: set},
	{Name: "get", About: "get a node, linearizable", step: get(Linearizable)},
	{Name: "get-local", About: "get a node from the state of the server at hand", step: get(Local)},
	{Name: "get-at-least", About: "get a node, not older than anything that any of the clients has seen", step: get(AtLeast)},
	{Name: "mix", About: "four gets, one set", step: mix(Linearizable)},
	{Name: "mix-local", About: "four gets as in get-local, one set", step: mix(Local)},
	{Name: "mix-at-least", About: "four gets as in get-at-least, one set", step: mix(AtLeast)},
	{Name: "multi", About: "set ten nodes in one transaction", keysMin: multiSets, step: multi},
	{Name: "create", About: "create a node; they stay until the end", step: func(ctx context.Context, c *caller, n int) error {
		return c.client.Create(ctx, c.own("n", n), c.data)
	}},
	{Name: "ephemeral", About: "create an ephemeral sequential node and delete it: two operations", step: ephemeral},
	{Name: "lock", About: "take a lock that nobody else wants and release it: one operation", step: func(ctx context.Context, c *caller, _ int) error {
		return lock(ctx, c, c.own("lock", 0))
	}},
	{Name: "handover", About: "take one lock that all want and release it: hand-overs per second, and the time in line", step: func(ctx context.Context, c *caller, _ int) error {
		return lock(ctx, c, c.contended)
	}},
	{Name: "list", About: "list a node with --nodes children, all their names", listed: true, step: func(ctx context.Context, c *caller, _ int) error {
		_, err := c.client.List(ctx, c.listed)
		return err
	}},
}

// multiSets is how many nodes a transaction of multi sets.
const multiSets = 10

// caller is one who makes calls, one at a time.
type caller struct {
	client    Client
	number    string   // of the caller among those of the client
	nodes     []string // of the client, with data
	contended string   // the lock that all want
	listed    string   // the node with children
	data      []byte

	ephemeral string // the node that is to be deleted; empty: none
}

// own is a path that is the caller's alone.
func (c *caller) own(name string, n int) string {
	return c.nodes[0] + "/" + name + "-" + c.number + "-" + strconv.Itoa(n)
}

func (c *caller) node(n int) string { return c.nodes[n%len(c.nodes)] }

func set(ctx context.Context, c *caller, n int) error { return c.client.Set(ctx, c.node(n), c.data) }

func get(level Level) func(context.Context, *caller, int) error {
	return func(ctx context.Context, c *caller, n int) error {
		_, err := c.client.Get(ctx, c.node(n), level)
		return err
	}
}

func mix(level Level) func(context.Context, *caller, int) error {
	get := get(level)
	return func(ctx context.Context, c *caller, n int) error {
		if n%5 == 4 {
			return set(ctx, c, n)
		}
		return get(ctx, c, n)
	}
}

func multi(ctx context.Context, c *caller, n int) error {
	first := n * multiSets % (len(c.nodes) - multiSets + 1)
	return c.client.SetAll(ctx, c.nodes[first:first+multiSets], c.data)
}

// ephemeral creates a node, or deletes the one that it has created before.
func ephemeral(ctx context.Context, c *caller, _ int) (err error) {
	if c.ephemeral == "" {
		c.ephemeral, err = c.client.CreateEphemeral(ctx, c.nodes[0]+"/e-", c.data)
		return err
	}
	path := c.ephemeral
	c.ephemeral = ""
	return c.client.Delete(ctx, path)
}

func lock(ctx context.Context, c *caller, path string) error {
	release, err := c.client.Lock(ctx, path)
	if err != nil {
		return err
	}
	return release(ctx)
}
