package servertest_test

import (
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// TestReaping: a TTL node goes when its time is up and it has no children, a container when its last child has gone; both
// through the log, with an event, on every server.
func TestReaping(t *testing.T) {
	cluster := servertest.Start(t, 3)
	c := cluster.Client(t)
	create := func(path string, opts ...client.CreateOption) {
		t.Helper()
		_, _, err := c.Create(t.Context(), path, nil, opts...)
		must(t, err)
	}
	changes, err := c.AddWatch(t.Context(), "/", client.Recursive())
	must(t, err)
	gone := map[string]bool{}
	reaped := func(path string) {
		t.Helper()
		for !gone[path] {
			if e := next(t, changes.C()); e.Type == client.EventDeleted {
				gone[e.Path] = true
			}
		}
	}
	const ttl = 100 * time.Millisecond
	create("/ttl", client.TTL(ttl))
	_, err = c.Multi(t.Context(), client.CreateOp("/parent", nil, client.TTL(ttl)), client.CreateOp("/parent/child", nil))
	must(t, err)
	create("/empty", client.Container())
	create("/container", client.Container())
	create("/container/child")
	must(t, c.Delete(t.Context(), "/container/child"))
	reaped("/ttl")
	reaped("/container")
	still(t, c, "/parent") // it has a child
	still(t, c, "/empty")  // it never had one
	must(t, c.Delete(t.Context(), "/parent/child"))
	reaped("/parent")
	cluster.Agree()
}
