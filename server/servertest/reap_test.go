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
	watch := func(path string) *client.Watch {
		t.Helper()
		var w *client.Watch
		_, there, err := c.Exists(t.Context(), path, client.WithWatch(&w))
		must(t, err)
		if !there {
			t.Fatalf("%s is gone too early", path)
		}
		return w
	}
	create("/ttl", client.TTL(100*time.Millisecond))
	create("/parent", client.TTL(100*time.Millisecond))
	create("/parent/child")
	create("/empty", client.Container())
	create("/container", client.Container())
	create("/container/child")
	ttl, container := watch("/ttl"), watch("/container")
	must(t, c.Delete(t.Context(), "/container/child"))
	for name, w := range map[string]*client.Watch{"/ttl": ttl, "/container": container} {
		select {
		case <-w.C():
		case <-time.After(30 * time.Second):
			t.Fatalf("%s was not reaped", name)
		}
	}
	parent := watch("/parent") // it has a child
	watch("/empty")            // it never had one
	must(t, c.Delete(t.Context(), "/parent/child"))
	select {
	case <-parent.C():
	case <-time.After(30 * time.Second):
		t.Fatal("/parent was not reaped after its child had gone")
	}
	cluster.Agree()
}
