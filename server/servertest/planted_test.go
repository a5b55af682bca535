package servertest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// TestSchedulesSeeWhatIsWrong: the checks of the schedules are not blind. Between the clients and a service that is right
// lies something that breaks one of its promises, now and then.
func TestSchedulesSeeWhatIsWrong(t *testing.T) {
	cluster := servertest.Start(t, 3)
	judge := cluster.Client(t)
	seed := uint64(1)
	for _, planted := range []struct {
		name string
		lie  func() (up, down frames) // for one client and its only connection
	}{
		{"nothing", honest},
		{"a write is applied twice", applyTwice},
		{"a write is acknowledged and lost", loseWrite},
		{"a read is answered with what it was answered before", answerOld},
		{"linearizable reads are answered from the server at hand", answerLocally},
		{"an event is lost", loseEvent},
		{"an event is told twice", tellTwice},
	} {
		t.Run(planted.name, func(t *testing.T) {
			tries := 60 // each of some thousand calls on a good machine, and of a few hundred on a busy one; the first or second tells
			if planted.name == "nothing" {
				tries = 5 // all of them are to be right
			}
			var err error
			for i := 0; i < tries && err == nil; i++ {
				s := newSchedule(cluster, seed)
				seed++
				s.clients, s.callers, s.reader = 3, 4, true
				behind := others(cluster, cluster.Leader())[0]
				s.faults.steps = cutOff(cluster, behind)
				s.change = func(i int, config *client.Config) {
					tapped(planted.lie)(config)
					if i == s.clients-1 {
						on(cluster, behind)(config)
					} else {
						on(cluster, others(cluster, behind)...)(config)
					}
				}
				err = s.run(t, judge, &tally{})
			}
			if right := planted.name == "nothing"; right != (err == nil) {
				t.Errorf("the schedules say: %v", err)
			}
			t.Log(err)
		})
	}
}

// cutOff is the faults under which all of it shows: for a while the server of the client that only reads is behind.
func cutOff(cluster *servertest.Cluster, behind int) []faultStep {
	return []faultStep{
		{100 * time.Millisecond, "partition", func(*workload) { cluster.Partition([]int{behind}, others(cluster, behind)) }},
		{400 * time.Millisecond, "heal", func(*workload) { cluster.Heal() }},
		{500 * time.Millisecond, "nothing", func(*workload) {}},
	}
}

func honest() (up, down frames) { return asItIs, asItIs }

// each reports true for each nth of what it is asked about.
func each(n int) func() bool {
	count := 0
	return func() bool {
		count++
		return count%n == 0
	}
}

// requests decodes what a client sends, but its hello, and lets change alter it.
func requests(change func(r *wire.Request) []byte) frames {
	greeted := false
	return func(body []byte) []byte {
		var r wire.Request
		if !greeted || wire.DecodeRequest(body, &r) != nil {
			greeted = true
			return asItIs(body)
		}
		return change(&r)
	}
}

// answers decodes what a server sends, but its welcome, and lets change alter it; nil passes it on as it is.
func answers(change func(f *wire.ServerFrame) (frame []byte, changed bool)) frames {
	welcomed := false
	return func(body []byte) []byte {
		f, err := wire.DecodeServerFrame(body)
		if !welcomed || err != nil {
			welcomed = true
			return asItIs(body)
		}
		if frame, changed := change(&f); changed {
			return frame
		}
		return asItIs(body)
	}
}

// applyTwice sends a write again with the next number, as a client would that does not know whether it has arrived, and
// numbers those that follow accordingly.
func applyTwice() (up, down frames) {
	const again wire.Xid = 1 << 62
	shift, due := session.Seq(0), each(50)
	up = requests(func(r *wire.Request) []byte {
		if r.Seq == 0 {
			return wire.AppendRequest(nil, r)
		}
		r.Seq += shift
		out := wire.AppendRequest(nil, r)
		if r.Kind != wire.CloseSession && due() {
			shift++
			r.Seq, r.Xid = r.Seq+1, r.Xid|again
			out = wire.AppendRequest(out, r)
		}
		return out
	})
	down = answers(func(f *wire.ServerFrame) ([]byte, bool) { return nil, f.Kind == wire.Reply && f.Xid&again != 0 })
	return up, down
}

// loseWrite answers a set by what a read tells, as if it had been carried out.
func loseWrite() (up, down frames) {
	var mu sync.Mutex
	lost, shift, due := map[wire.Xid]bool{}, session.Seq(0), each(20)
	up = requests(func(r *wire.Request) []byte {
		switch {
		case r.Kind == wire.Set && due():
			mu.Lock()
			defer mu.Unlock()
			lost[r.Xid] = true
			shift++
			return wire.AppendRequest(nil, &wire.Request{Kind: wire.Get, Xid: r.Xid, Path: r.Ops[0].Path})
		case r.Seq > 0:
			r.Seq -= shift
		}
		r.Ack = 0
		return wire.AppendRequest(nil, r)
	})
	down = answers(func(f *wire.ServerFrame) ([]byte, bool) {
		mu.Lock()
		defer mu.Unlock()
		if f.Kind != wire.Reply || !lost[f.Xid] || f.Code != wire.CodeOK {
			return nil, false
		}
		_, stat, _ := wire.DecodeGot(f.Result)
		stat.Version, stat.Mzxid = stat.Version+1, f.Zxid
		return wire.AppendExistsReply(nil, f.Xid, f.Zxid, &stat), true
	})
	return up, down
}

// answerOld answers the reads of a node with the answer to the first one.
func answerOld() (up, down frames) {
	var mu sync.Mutex
	path, old, due := map[wire.Xid]string{}, map[string][]byte{}, each(10)
	up = requests(func(r *wire.Request) []byte {
		if r.Kind == wire.Get {
			mu.Lock()
			defer mu.Unlock()
			path[r.Xid] = r.Path
		}
		return wire.AppendRequest(nil, r)
	})
	down = answers(func(f *wire.ServerFrame) ([]byte, bool) {
		mu.Lock()
		defer mu.Unlock()
		of, read := path[f.Xid]
		if f.Kind != wire.Reply || !read || f.Code != wire.CodeOK {
			return nil, false
		}
		if before := old[of]; before != nil && due() {
			return reply(f.Xid, f.Zxid, before), true
		}
		if old[of] == nil {
			old[of] = append([]byte(nil), f.Result...)
		}
		return nil, false
	})
	return up, down
}

// reply is the frame of a reply with a result that is encoded already.
func reply(xid wire.Xid, zxid znode.Zxid, result []byte) []byte {
	frame, mark := wire.BeginReply(nil, xid, zxid)
	return wire.EndFrame(append(frame, result...), mark)
}

// answerLocally asks at level Session for what should be linearizable.
func answerLocally() (up, down frames) {
	return requests(func(r *wire.Request) []byte {
		if r.Kind == wire.Get && r.Level == wire.Linearizable {
			r.Level = wire.Session
		}
		return wire.AppendRequest(nil, r)
	}), asItIs
}

func loseEvent() (up, down frames) {
	due := each(50)
	return asItIs, answers(func(f *wire.ServerFrame) ([]byte, bool) { return nil, f.Kind == wire.EventFrame && due() })
}

func tellTwice() (up, down frames) {
	due := each(50)
	return asItIs, answers(func(f *wire.ServerFrame) ([]byte, bool) {
		once := wire.AppendEvent(nil, &f.Event)
		return append(once, once...), f.Kind == wire.EventFrame && due()
	})
}
