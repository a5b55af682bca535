package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/bench/load"
)

const testMax = 2 * time.Minute

// eachSystem runs a test with a real cluster of each system that is installed or built here; see make build, make bench-peers.
func eachSystem(t *testing.T, servers int, test func(t *testing.T, ctx context.Context, c load.Cluster)) {
	if testing.Short() {
		t.Skip("real clusters: not with -short")
	}
	for _, s := range systems("../../bin/coxswain", "../../bin/peers-etcd") {
		t.Run(s.name, func(t *testing.T) {
			if missing := s.missing(); missing != nil {
				t.Skip(missing)
			}
			ctx, cancel := context.WithTimeout(context.Background(), testMax)
			t.Cleanup(cancel)
			c, err := s.start(ctx, servers)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Dir(c.DataDir(0))
			t.Cleanup(func() { // after those of the clients
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is left over: %v", dir, err)
				}
			})
			test(t, ctx, c)
		})
	}
}

func dial(t *testing.T, ctx context.Context, c load.Target, n int) load.Client {
	t.Helper()
	client, err := c.Dial(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return client
}

// TestClientsKeepTheContract: what the loops may expect of a client, whoever's it is.
func TestClientsKeepTheContract(t *testing.T) {
	eachSystem(t, 1, func(t *testing.T, ctx context.Context, cluster load.Cluster) {
		c, err := cluster.Dial(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		read := func(path string, level load.Level, want string) {
			t.Helper()
			if data, err := c.Get(ctx, path, level); err != nil || string(data) != want {
				t.Fatalf("%s is %q, %v and not %q", path, data, err, want)
			}
		}
		must(c.Create(ctx, "/a", []byte("1")))
		read("/a", load.Linearizable, "1")
		must(c.Set(ctx, "/a", []byte("2")))
		read("/a", load.Linearizable, "2")
		read("/a", load.Local, "2")
		must(c.Create(ctx, "/a/x", nil))
		must(c.Create(ctx, "/a/y", nil))
		must(c.SetAll(ctx, []string{"/a/x", "/a/y"}, []byte("3")))
		read("/a/x", load.Local, "3")
		read("/a/y", load.Local, "3")

		var made []string
		for range 3 {
			path, err := c.CreateEphemeral(ctx, "/a/e-", []byte("4"))
			must(err)
			if slices.Contains(made, path) {
				t.Fatalf("%s was made twice", path)
			}
			made = append(made, path)
			read(path, load.Linearizable, "4")
		}
		must(c.Delete(ctx, made[0]))
		if err := c.Delete(ctx, made[0]); err == nil {
			t.Error("what is not there was deleted")
		}
		if n, err := c.List(ctx, "/a"); err != nil || n != 4 {
			t.Errorf("/a has %d children, %v", n, err)
		}
		must(c.Close(ctx))

		c = dial(t, ctx, cluster, 1)
		if n, err := c.List(ctx, "/a"); err != nil || n != 2 {
			t.Errorf("/a has %d children after the session has ended, %v", n, err)
		}
		must(c.DeleteTree(ctx, "/a"))
		if _, err := c.Get(ctx, "/a", load.Linearizable); err == nil {
			t.Error("/a is there after it was deleted with all that is below")
		}
		must(c.DeleteTree(ctx, "/a"))
	})
}

// TestWatchesTellOfEachChange: also of those that follow another closely.
func TestWatchesTellOfEachChange(t *testing.T) {
	eachSystem(t, 1, func(t *testing.T, ctx context.Context, cluster load.Cluster) {
		watcher, setter := dial(t, ctx, cluster, 0), dial(t, ctx, cluster, 1)
		if err := setter.Create(ctx, "/w", nil); err != nil {
			t.Fatal(err)
		}
		changes, err := watcher.Watch(ctx, "/w")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if err := setter.Set(ctx, "/w", []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 {
				continue // two changes may be told as one
			}
			for seen := byte(255); seen != byte(i); {
				select {
				case _, open := <-changes:
					if !open {
						t.Fatal("the watch has ended")
					}
				case <-ctx.Done():
					t.Fatalf("change %d is not told", i)
				}
				data, err := watcher.Get(ctx, "/w", load.Linearizable)
				if err != nil || len(data) != 1 {
					t.Fatal(data, err)
				}
				seen = data[0]
			}
		}
	})
}

// TestALockHasOneHolder at a time, and goes to the next.
func TestALockHasOneHolder(t *testing.T) {
	eachSystem(t, 1, func(t *testing.T, ctx context.Context, cluster load.Cluster) {
		if err := dial(t, ctx, cluster, 0).Create(ctx, "/locks", nil); err != nil {
			t.Fatal(err)
		}
		held, ended := make(chan int, 1), make(chan error)
		for i := range 4 {
			c := dial(t, ctx, cluster, i+1)
			go func() {
				ended <- func() error {
					for range 5 {
						release, err := c.Lock(ctx, "/locks/one")
						if err != nil {
							return err
						}
						select {
						case held <- i:
						default:
							return errors.New("two hold the lock")
						}
						<-held
						if err := release(ctx); err != nil {
							return err
						}
					}
					return nil
				}()
			}()
		}
		for range 4 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestClustersOutliveTheirLeader: a leader that is killed or stopped has a successor, and all data is there when it is back.
func TestClustersOutliveTheirLeader(t *testing.T) {
	eachSystem(t, 3, func(t *testing.T, ctx context.Context, cluster load.Cluster) {
		c := dial(t, ctx, cluster, 0)
		if err := c.Create(ctx, "/a", []byte("1")); err != nil {
			t.Fatal(err)
		}
		for _, fault := range []struct{ begin, end func(int) error }{{cluster.Kill, cluster.Run}, {cluster.Pause, cluster.Resume}} {
			old := leader(t, ctx, cluster)
			if err := fault.begin(old); err != nil {
				t.Fatal(err)
			}
			for leader(t, ctx, cluster) == old { // as those say who have not noticed yet
				if ctx.Err() != nil {
					t.Fatalf("server %d still leads", old)
				}
			}
			if err := fault.end(old); err != nil {
				t.Fatal(err)
			}
			for {
				at, err := cluster.DialAt(ctx, old)
				if err == nil {
					data, err := at.Get(ctx, "/a", load.Linearizable)
					if e := at.Close(ctx); err == nil && e == nil && string(data) == "1" {
						break
					}
				}
				if ctx.Err() != nil {
					t.Fatal(ctx.Err())
				}
			}
		}
	})
}

func leader(t *testing.T, ctx context.Context, c load.Cluster) int {
	t.Helper()
	i, err := c.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestAMissingSystemSaysWhatToDo, and starts nothing.
func TestAMissingSystemSaysWhatToDo(t *testing.T) {
	for _, s := range systems("nowhere/coxswain", "nowhere/etcd") {
		missing := s.missing()
		if s.name == "ZooKeeper" {
			continue // it is installed, or not
		}
		if missing == nil {
			t.Errorf("%s is nowhere, and not missing", s.name)
		}
		if _, err := s.start(t.Context(), 1); err == nil {
			t.Errorf("%s is nowhere, and started", s.name)
		}
	}
}
