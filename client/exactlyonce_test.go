package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// once makes a script act on the first request of a kind, and on no other.
func once(kind wire.Kind, what answer) func(*peer, *wire.Request) answer {
	acted := false
	return func(_ *peer, r *wire.Request) answer {
		if acted || r.Kind != kind {
			return proceed
		}
		acted = true
		return what
	}
}

func TestWriteWhoseReplyIsLostIsCarriedOutOnce(t *testing.T) {
	for name, what := range map[string]answer{"lost before": hangUp, "reply lost": loseReply, "swallowed": ignore} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				s.script(func() { s.onRequest = once(wire.Create, what) })
				path, stat, err := c.Create(t.Context(), "/n-", []byte("x"), Sequential())
				if err != nil || path != "/n-0000000000" || stat.Version != 0 {
					t.Fatalf("got %q %+v %v", path, stat, err)
				}
				if want := []string{"/n-0000000000"}; !reflect.DeepEqual(s.applied, want) {
					t.Errorf("carried out: %q", s.applied)
				}
				if len(s.hellos) != 2 || s.hellos[1].Attempt != 2 || s.hellos[1].SessionID != c.Session().ID {
					t.Errorf("hellos: %+v", s.hellos)
				}
				if state, _ := c.State(); state != Connected || c.Err() != nil {
					t.Errorf("the client is %v: %v", state, c.Err())
				}
			})
		})
	}
}

func TestRefusedWriteKeepsItsAnswerWhenItIsSentAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() { s.onRequest = once(wire.Set, loseReply) })
		s.script(func() {
			s.onHello = func(string, *wire.Hello) answer { // between the two sendings the node appears
				s.outside(znode.Op{Kind: znode.OpCreate, Path: "/gone"})
				s.onHello = nil
				return proceed
			}
		})
		if _, err := c.Set(t.Context(), "/gone", nil); !errors.Is(err, ErrNoNode) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Set(t.Context(), "/gone", nil); err != nil {
			t.Errorf("the next write: %v", err)
		}
	})
}

func TestGapAndFullWindowAreSentAgainInOrder(t *testing.T) {
	for _, code := range []wire.Code{wire.CodeGap, wire.CodeWindowFull} {
		t.Run(code.Name(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				// The second write is refused once, and so is everything behind it, as a server does that lost it on its way.
				refusing, first := true, session.Seq(0)
				s.script(func() {
					s.onRequest = func(p *peer, r *wire.Request) answer {
						if r.Seq == 2 && first == 0 {
							first = 2
						} else if r.Seq == 2 {
							refusing = false
						}
						if r.Seq >= 2 && refusing {
							p.out <- wire.AppendFailureReply(nil, r.Xid, code, s.zxid, &znode.Error{Actual: 1})
							return ignore
						}
						return proceed
					}
				})
				results := make(chan error, 20)
				for i := range 10 {
					go func() { _, _, err := c.Create(t.Context(), fmt.Sprintf("/%d", i), nil); results <- err }()
					go func() { _, err := c.Get(t.Context(), "/"); results <- err }()
				}
				for range 20 {
					if err := <-results; err != nil {
						t.Error(err)
					}
				}
				if len(s.applied) != 10 || len(s.hellos) != 1 {
					t.Errorf("carried out: %q, on %d connections", s.applied, len(s.hellos))
				}
			})
		})
	}
}

func TestServerThatRefusesForEverIsLeft(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		bad := ""
		s.script(func() {
			s.onRequest = func(p *peer, r *wire.Request) answer {
				if bad == "" {
					bad = p.addr
				}
				if r.Kind != wire.Create || p.addr != bad {
					return proceed
				}
				p.out <- wire.AppendFailureReply(nil, r.Xid, wire.CodeWindowFull, s.zxid, nil)
				return ignore
			}
		})
		if _, _, err := c.Create(t.Context(), "/a", nil); err != nil {
			t.Error(err)
		}
		if len(s.hellos) != 2 || len(s.requests) > 20 {
			t.Errorf("%d connections, %d requests", len(s.hellos), len(s.requests))
		}
	})
}

func TestServersThatCannotServeAreLeft(t *testing.T) {
	for _, code := range []wire.Code{wire.CodeNoQuorum, wire.CodeNoLease, wire.CodeBusy, wire.CodeDraining, wire.CodeSessionMoved} {
		t.Run(code.Name(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *service, c *Client) {
				first := ""
				s.script(func() {
					s.onRequest = func(p *peer, r *wire.Request) answer {
						if first == "" {
							first = p.addr
						}
						if p.addr != first {
							return proceed
						}
						p.out <- wire.AppendFailureReply(nil, r.Xid, code, s.zxid, nil)
						return ignore
					}
				})
				if _, _, err := c.Create(t.Context(), "/a", nil); err != nil {
					t.Error(err)
				}
				if len(s.hellos) != 2 || len(s.applied) != 1 {
					t.Errorf("%d connections, carried out %q", len(s.hellos), s.applied)
				}
				s.say(wire.AppendGoodbye(nil, code, "move"))
				synctest.Wait()
				if _, err := c.Get(t.Context(), "/a"); err != nil {
					t.Errorf("after a goodbye: %v", err)
				}
			})
		})
	}
}

func TestCancelledWriteIsStillCarriedOut(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() { s.onRequest = once(wire.Create, ignore) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		data := []byte("before")
		_, _, err := c.Create(ctx, "/a", data)
		copy(data, "AFTER!")
		if !errors.Is(err, context.DeadlineExceeded) || NotApplied(err) || Unknown(err) || Retryable(err) {
			t.Fatalf("%v: not applied %v, unknown %v, retryable %v", err, NotApplied(err), Unknown(err), Retryable(err))
		}
		if len(s.applied) != 0 {
			t.Fatal("the write was not held up")
		}
		node, err := c.Get(t.Context(), "/a") // behind the write, so it waits until that was sent again
		if err != nil || string(node.Data) != "before" {
			t.Errorf("got %q %v", node.Data, err)
		}
	})
}

func TestCancelledWriteThatWasNumberedWithoutAConnectionLeavesNoGap(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.script(func() { s.onDial = func(string) error { return errRefused } })
		s.cut()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := c.Create(ctx, "/first", nil); !errors.Is(err, context.DeadlineExceeded) || NotApplied(err) {
			t.Errorf("got %v, not applied %v", err, NotApplied(err))
		}
		s.script(func() { s.onDial = nil })
		if _, _, err := c.Create(t.Context(), "/second", nil); err != nil {
			t.Error(err)
		}
		if want := []string{"/first", "/second"}; !reflect.DeepEqual(s.applied, want) {
			t.Errorf("carried out: %q", s.applied)
		}
	})
}

func TestCancelledReadIsForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		s.set("/a", "")
		s.script(func() { s.onRequest = once(wire.Get, ignore) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.Get(ctx, "/a"); !errors.Is(err, context.DeadlineExceeded) || !Retryable(err) || !NotApplied(err) {
			t.Errorf("got %v", err)
		}
		s.cut()
		synctest.Wait()
		if _, err := c.Descendants(t.Context(), "/"); err != nil {
			t.Error(err)
		}
		gets := 0
		for _, r := range s.requests {
			if r.Kind == wire.Get {
				gets++
			}
		}
		if gets != 1 {
			t.Errorf("the read was sent %d times", gets)
		}
		done, cancelled := context.WithCancel(t.Context())
		cancelled()
		if _, err := c.Set(done, "/a", nil); !errors.Is(err, context.Canceled) || !NotApplied(err) {
			t.Errorf("with a context that had ended: %v", err)
		}
	})
}

// The model is the list of what each caller did, in order; the service must have carried out exactly that, whatever
// happens to connections, requests and replies.
func TestRandomFaultsNeitherLoseNorRepeatNorReorderWrites(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			s := newService("one:1", "two:1", "three:1")
			s.limits.Window = int64(1 + rng.IntN(20))
			c := connect(t, s)
			faults := 120
			s.script(func() {
				s.onRequest = func(p *peer, r *wire.Request) answer {
					if faults == 0 || rng.IntN(6) != 0 {
						return proceed
					}
					faults--
					return []answer{hangUp, loseReply, ignore}[rng.IntN(3)]
				}
				s.onHello = func(string, *wire.Hello) answer {
					if faults == 0 || rng.IntN(3) != 0 {
						return proceed
					}
					faults--
					return []answer{hangUp, ignore}[rng.IntN(2)]
				}
				s.onDial = func(string) error {
					if faults == 0 || rng.IntN(3) != 0 {
						return nil
					}
					faults--
					return errRefused
				}
			})
			const callers, each = 8, 25
			finished := make(chan []string, callers)
			for caller := range callers {
				go func() {
					var mine []string
					for i := range each {
						path, _, err := c.Create(t.Context(), fmt.Sprintf("/%d-", caller), nil, Sequential())
						if err != nil {
							t.Errorf("seed %d: caller %d, write %d: %v", seed, caller, i, err)
							break
						}
						mine = append(mine, path)
						if _, err := c.Get(t.Context(), path); err != nil {
							t.Errorf("seed %d: a session does not see its own write: %v", seed, err)
						}
					}
					finished <- mine
				}()
			}
			want := map[byte][]string{}
			for range callers {
				if mine := <-finished; len(mine) == each {
					want[mine[0][1]] = mine
				}
			}
			got := map[byte][]string{}
			for _, path := range s.applied {
				got[path[1]] = append(got[path[1]], path)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("seed %d: carried out\n%q\nanswered\n%q", seed, got, want)
			}
		})
	}
}
