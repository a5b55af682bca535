package recipes_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/ports"
	"github.com/coxswain-io/coxswain/server"
)

// The tests that need no faults, and the examples, share one server in this process; each has a tree of its own on it. Those
// that need faults start a cluster with servertest.

var (
	sharedAddr string
	scratch    string // a directory, gone after the tests
	trees      atomic.Int64
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) (status int) {
	if os.Getenv(holderVariable) != "" {
		return runHolder() // this process is one of those that TestLockCheck starts
	}
	dir, err := os.MkdirTemp("", "recipes")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	addrs, err := ports.Free(1)
	if err != nil {
		panic(err)
	}
	log := zerolog.Nop()
	s, err := server.Start(server.Config{DataDir: filepath.Join(dir, "data"), ClientAddr: "127.0.0.1:0", RaftAddr: addrs[0], Log: &log})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		panic(err)
	}
	sharedAddr, scratch = s.ClientAddr(), dir
	status = m.Run()
	if err := s.Close(); err != nil {
		panic(err)
	}
	return status
}

// dial opens a client of the shared server, with a session of its own, that sees the whole tree.
func dial(t testing.TB, change ...func(*client.Config)) *client.Client {
	t.Helper()
	config := client.Config{Servers: []string{sharedAddr}, Name: t.Name()}
	for _, f := range change {
		f(&config)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// tree is a path of the test's own, without a node at it.
func tree(t testing.TB) string {
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	return fmt.Sprintf("/%s-%d", name, trees.Add(1))
}

// view is a client with a session of its own that sees the tree at root, which must be there for recipes that make no parents.
func view(t testing.TB, root string, change ...func(*client.Config)) *client.Client {
	t.Helper()
	c, err := dial(t, change...).Chroot(root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// exampleClient is a client for an example, whose paths are below a root of its own. The function closes it.
func exampleClient() (*client.Client, func()) {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Config{Servers: []string{sharedAddr}, Name: "example"})
	if err != nil {
		panic(err)
	}
	root := fmt.Sprintf("/example-%d", trees.Add(1))
	if _, _, err := c.Create(ctx, root, nil); err != nil {
		panic(err)
	}
	v, err := c.Chroot(root)
	if err != nil {
		panic(err)
	}
	return v, func() {
		if err := c.Close(ctx); err != nil {
			panic(err)
		}
	}
}

// within is a context for one step of a test: it ends the test's waiting when something does not happen.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// done fails the test if c is not closed in time.
func done(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: not within 30 s", what)
	}
}

// eventually waits until a condition holds for which there is no signal.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(30 * time.Second); !condition(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}
