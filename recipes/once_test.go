package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// mark is an effect on the tree that shows how often it happened.
func mark(path string) []client.Op {
	return []client.Op{client.CreateOp(path+"/mark-", nil, client.Sequential(), client.Parents())}
}

func marks(t *testing.T, c *client.Client, path string) int {
	t.Helper()
	names, _, err := c.Children(within(t), path)
	if err != nil && !errors.Is(err, client.ErrNoNode) {
		t.Fatal(err)
	}
	return len(names)
}

func TestOnceRunsAStepOnceForEachKey(t *testing.T) {
	const keys, clients = 3, 4
	root := tree(t)
	var runs atomic.Int64
	var all sync.WaitGroup
	for range clients {
		once := recipes.NewOnce(dial(t), root+"/once", time.Hour)
		for i := range keys {
			for range 2 {
				all.Go(func() {
					result, ran, err := once.Do(within(t), fmt.Sprint(i), func(context.Context, *recipes.Hold) ([]byte, []client.Op, error) {
						runs.Add(1)
						return fmt.Append(nil, "result ", i), mark(root + "/effects"), nil
					})
					if err != nil || string(result) != fmt.Sprint("result ", i) {
						t.Errorf("%q %v %v", result, ran, err)
					}
					if ran {
						runs.Add(100)
					}
				})
			}
		}
	}
	all.Wait()
	if runs.Load() != 101*keys {
		t.Errorf("%d runs of %d told to be so", runs.Load()%100, runs.Load()/100)
	}
	if n := marks(t, dial(t), root+"/effects"); n != keys {
		t.Errorf("%d effects of %d", n, keys)
	}
}

func TestOnceTellsKeysApart(t *testing.T) {
	c := dial(t)
	once := recipes.NewOnce(c, tree(t), time.Hour)
	keys := []string{
		"", ".", "..", "/", "a/b", "a%2Fb", "a%252Fb", "a b", "a+b", "\x00", "\xff", "€", "😀", "-0000000001", strings.Repeat("k", 3000),
	}
	step := func(key string) (string, bool) {
		result, ran, err := once.Do(within(t), key, func(context.Context, *recipes.Hold) ([]byte, []client.Op, error) {
			return []byte(key), nil, nil
		})
		if err != nil {
			t.Errorf("%q: %v", key, err)
		}
		return string(result), ran
	}
	for _, wanted := range []bool{true, false} {
		for _, key := range keys {
			if got, ran := step(key); got != key || ran != wanted {
				t.Errorf("%q: %q %v", key, got, ran)
			}
		}
	}
	if _, _, err := once.Do(within(t), strings.Repeat("k", 5000), nil); !errors.Is(err, client.ErrTooLarge) {
		t.Error(err)
	}
	for _, remember := range []time.Duration{0, 100 * 365 * 24 * time.Hour} {
		if _, _, err := recipes.NewOnce(c, tree(t), remember).Do(within(t), "k", nil); !errors.Is(err, client.ErrBadArguments) {
			t.Error(err)
		}
	}
}

func TestOnceRemembersNoFailure(t *testing.T) {
	c := dial(t)
	root := tree(t)
	once := recipes.NewOnce(c, root+"/once", time.Hour)
	no := errors.New("no")
	if _, ran, err := once.Do(within(t), "k", func(context.Context, *recipes.Hold) ([]byte, []client.Op, error) {
		return []byte("x"), mark(root + "/effects"), no
	}); ran || !errors.Is(err, no) {
		t.Errorf("%v %v", ran, err)
	}
	var refused *client.Error
	if _, ran, err := once.Do(within(t), "k", func(context.Context, *recipes.Hold) ([]byte, []client.Op, error) {
		return []byte("x"), append(mark(root+"/effects"), client.DeleteOp(root+"/none")), nil
	}); ran || !errors.Is(err, client.ErrNoNode) || !errors.As(err, &refused) || refused.Index != 1 {
		t.Errorf("%v %v", ran, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, ran, err := once.Do(ctx, "k", func(alive context.Context, h *recipes.Hold) ([]byte, []client.Op, error) {
		cancel()
		done(t, "the end of the step", alive.Done())
		if err := h.Err(); err != nil {
			t.Errorf("it is held all the same: %v", err)
		}
		return nil, nil, context.Cause(alive)
	}); ran || !errors.Is(err, context.Canceled) {
		t.Errorf("%v %v", ran, err)
	}
	if n := marks(t, c, root+"/effects"); n != 0 {
		t.Errorf("%d effects", n)
	}
	result, ran, err := once.Do(within(t), "k", func(context.Context, *recipes.Hold) ([]byte, []client.Op, error) {
		return []byte("y"), mark(root + "/effects"), nil
	})
	if string(result) != "y" || !ran || err != nil || marks(t, c, root+"/effects") != 1 {
		t.Errorf("%q %v %v", result, ran, err)
	}
}

func TestOnceForgetsAfterItsTime(t *testing.T) {
	cluster := servertest.Start(t, 1, servertest.WithManualClock())
	once := recipes.NewOnce(cluster.Client(t), "/once", time.Minute)
	run := func() bool {
		_, ran, err := once.Do(within(t), "k", func(context.Context, *recipes.Hold) ([]byte, []client.Op, error) { return nil, nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		return ran
	}
	if !run() || run() {
		t.Error("not once")
	}
	cluster.Advance(58 * time.Second)
	if run() {
		t.Error("forgotten early")
	}
	cluster.Advance(5 * time.Second)
	if !run() {
		t.Error("remembered for too long")
	}
}

// stuck begins a step that goes on when resume is closed, and returns when it runs. The channel gets what Do returns.
func stuck(t *testing.T, once *recipes.Once, resume chan struct{}, ops []client.Op) chan error {
	running, result := make(chan struct{}), make(chan error, 1)
	go func() {
		_, _, err := once.Do(within(t), "k", func(context.Context, *recipes.Hold) ([]byte, []client.Op, error) {
			close(running)
			<-resume
			return []byte("late"), ops, nil
		})
		result <- err
	}()
	done(t, "the step", running)
	return result
}

func TestOnceRunsAgainIfTheFirstWasCutOff(t *testing.T) {
	cluster := servertest.Start(t, 3)
	next := cluster.Client(t)
	for _, ending := range []struct {
		name string
		end  func(t *testing.T, c *client.Client, root string)
		want error
	}{
		{"session expired", func(t *testing.T, c *client.Client, root string) {
			cluster.ExpireSession(c.Session().ID)
		}, client.ErrSessionExpired},
		{"paused past its timeout", func(t *testing.T, c *client.Client, root string) {
			id := c.Session().ID
			cluster.HoldSession(id)
			cluster.ExpireSession(id)
			cluster.ReleaseSession(id)
			eventually(t, "the next session", func() bool { return c.Session().ID != id && c.Session().ID != 0 })
		}, recipes.ErrLost},
		{"lock deleted by a stranger", func(t *testing.T, c *client.Client, root string) {
			if _, err := next.DeleteTree(within(t), root+"/once/locks/key-k"); err != nil {
				t.Fatal(err)
			}
		}, recipes.ErrLost},
	} {
		t.Run(ending.name, func(t *testing.T) {
			root := tree(t)
			c := cluster.Client(t, func(c *client.Config) { c.Renew = ending.want == recipes.ErrLost })
			resume := make(chan struct{})
			first := stuck(t, recipes.NewOnce(c, root+"/once", time.Hour), resume, mark(root+"/effects"))
			ending.end(t, c, root)
			result, ran, err := recipes.NewOnce(next, root+"/once", time.Hour).Do(within(t), "k",
				func(context.Context, *recipes.Hold) ([]byte, []client.Op, error) {
					return []byte("again"), mark(root + "/effects"), nil
				})
			if string(result) != "again" || !ran || err != nil {
				t.Errorf("%q %v %v", result, ran, err)
			}
			close(resume)
			if err := <-first; !errors.Is(err, ending.want) {
				t.Errorf("the first: %v", err)
			}
			if n := marks(t, next, root+"/effects"); n != 1 {
				t.Errorf("%d effects", n)
			}
			if c.Session().ID == 0 {
				return
			}
			result, ran, err = recipes.NewOnce(c, root+"/once", time.Hour).Do(within(t), "k", nil)
			if ending.want == recipes.ErrLost && (string(result) != "again" || ran || err != nil) {
				t.Errorf("asked again: %q %v %v", result, ran, err)
			}
		})
	}
}

// The result is written and its answer is lost: it is the answer that is sent again, and not the step that is run again.
func TestOnceWhateverBreaks(t *testing.T) {
	cluster := servertest.Start(t, 3)
	c := cluster.Client(t)
	once := recipes.NewOnce(c, "/once", time.Hour)
	result, ran, err := once.Do(within(t), "k", func(context.Context, *recipes.Hold) ([]byte, []client.Op, error) {
		cluster.DropReply(c.Session().ID)
		leader := cluster.Leader()
		cluster.Partition([]int{leader}, []int{(leader + 1) % 3, (leader + 2) % 3})
		return []byte("x"), mark("/effects"), nil
	})
	cluster.Heal()
	if string(result) != "x" || !ran || err != nil || marks(t, c, "/effects") != 1 {
		t.Errorf("%q %v %v", result, ran, err)
	}
}
