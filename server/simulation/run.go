package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
	"github.com/coxswain-io/coxswain/internal/workload"
)

// Config of a run.
type Config struct {
	Seed       uint64
	Operations int       // about
	Watchful   bool      // most operations set watches
	Trace      io.Writer // nil, or where everything that happens is written down, one line each
}

// Result is what a run has shown.
type Result struct {
	Operations, Unknowns int
	Uses                 int  // of what locks protect
	Settled              bool // the search for a linear order needed the fates that the truth knows
	Undecided            bool // it was given up all the same
	Streams, Shots       int  // watches that were judged, persistent and for once
	Told, Gaps           int  // events that were, and gaps that were told in their place
	Sessions, Expired    int  // of clients; ended by the service
	Virtual              time.Duration
	Faults               map[string]int
	Events               int    // of the trace
	Trace                string // its hash: equal for equal seeds, in builds that are deterministic
	Wrong                []error
}

// Run runs one cluster under faults and checks what its clients have seen. All that is chosen follows from the seed. It changes
// what crypto/rand gives until t ends: t must not be parallel to others.
func Run(t *testing.T, cfg Config) *Result {
	t.Helper()
	cryptotest.SetGlobalRandom(t, cfg.Seed)
	r := &run{cfg: cfg, result: &Result{Faults: map[string]int{}}}
	defer quiet()()
	synctest.Test(t, func(*testing.T) {
		reseed(cfg.Seed)
		r.all()
	})
	r.judge()
	return r.result
}

// run is one run. Its fields belong to the goroutine that runs it.
type run struct {
	cfg     Config
	result  *Result
	clients int
	start   time.Time

	cluster *cluster
	nemesis *nemesis
	rng     *rand.Rand
	locks   bool             // the clients take turns at locks, instead of doing anything
	history *history.History // unless locks
	changes []history.Change
	uses    map[string][]history.Use // if locks
}

// all is what happens in the bubble.
func (r *run) all() {
	r.start = time.Now()
	r.rng = rand.New(rand.NewPCG(r.cfg.Seed, 0))
	tr := newTrace(r.cfg.Trace)
	servers := 3 + 2*(r.rng.IntN(4)/3) // mostly 3, sometimes 5
	r.clients = 4 + r.rng.IntN(5)
	r.locks = r.rng.IntN(lockRuns) == 0
	var err error
	if r.cluster, err = newCluster(rand.New(rand.NewPCG(r.rng.Uint64(), 0)), servers, tr); err != nil {
		r.wrong(err)
		return
	}
	defer func() {
		r.cluster.close()
		r.result.Virtual = time.Since(r.start)
		r.result.Wrong = append(r.result.Wrong, r.cluster.violations()...)
		seen, _ := json.Marshal([]any{r.history, r.uses}) // what cannot be written is not in them
		tr.add("history", seen)
		r.result.Trace, r.result.Events = tr.end()
	}()
	r.work()
	if err := r.empties(); err != nil {
		r.wrong(err)
	}
	if err := r.converge(); err != nil {
		r.wrong(err)
	}
	r.result.Sessions, r.result.Expired = r.cluster.truth.sessions()
}

// work lets the clients work under faults, and heals.
func (r *run) work() {
	r.nemesis = newNemesis(rand.New(rand.NewPCG(r.rng.Uint64(), 0)), r.cluster, r.clients+1)
	ctx, stop := context.WithCancel(context.Background())
	var faults sync.WaitGroup
	cfg := workload.Config{
		Seed: r.cfg.Seed, Clients: r.clients, Operations: r.cfg.Operations, Dial: r.cluster.dial,
		Now: func() int64 { return int64(time.Since(r.start)) }, Timeout: sessionTimeout, Think: thinkMean, Rest: restMean,
		Watchful: r.cfg.Watchful,
		Calm: func() {
			stop()
			faults.Wait()
			r.recovers()
		},
	}
	if r.rng.IntN(denseRuns) == 0 {
		cfg.Think, cfg.Rest = cfg.Think/denseTimes, 0
		r.cluster.model.Late(r.nemesis.node().id, lateTimes)
	}
	faults.Go(func() { r.nemesis.run(ctx) })
	var err error
	if r.locks {
		cfg.Operations /= lockShare
		r.uses, err = workload.Locks(context.Background(), cfg)
	} else {
		r.history, err = workload.Run(context.Background(), cfg)
	}
	stop() // a workload that fails early has not come to its calm end
	faults.Wait()
	if err != nil {
		r.wrong(fmt.Errorf("the workload: %w", err))
	}
	if r.nemesis.err != nil {
		r.wrong(r.nemesis.err)
	}
	for kind, n := range r.nemesis.counts {
		r.result.Faults[faultNames[kind]] += n
	}
}

// healthyPath is written after the faults. It is not in the history.
const healthyPath = "/healthy"

// recovers is P12: after the faults a write succeeds soon.
func (r *run) recovers() {
	ctx, cancel := context.WithTimeout(context.Background(), healthyWithin)
	defer cancel()
	begun := time.Now()
	c, err := r.cluster.dial(ctx, r.clients, client.Config{SessionTimeout: sessionTimeout})
	if err == nil {
		_, _, err = c.Create(ctx, healthyPath, nil)
		err = errors.Join(err, c.Close(ctx))
	}
	if err != nil {
		r.wrong(fmt.Errorf("P12: %v after all faults have ended a write does not succeed: %w", time.Since(begun), err))
	}
}

// empties is P4: when all clients have gone, no session is left soon, and nothing that belongs to one.
func (r *run) empties() error {
	for deadline := time.Now().Add(emptyWithin); ; time.Sleep(convergeEvery) {
		sessions, ephemerals := r.cluster.truth.left()
		switch {
		case sessions == 0 && len(ephemerals) > 0:
			return fmt.Errorf("P4: no session is left, but these are: %q", ephemerals)
		case sessions == 0:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("P4: %v after all clients have gone %d sessions live, with %q", emptyWithin, sessions, ephemerals)
		}
	}
}

// converge is P9: all servers come to the same state, which is that of the true log, however it is replayed.
func (r *run) converge() error {
	defer func() { r.changes, _ = r.cluster.truth.all() }()
	deadline := time.Now().Add(convergeWithin)
	for {
		zxid, digest := r.cluster.truth.now()
		agree := true
		told := ""
		for _, n := range r.cluster.nodes {
			if n.srv == nil {
				return fmt.Errorf("server %d is down at the end", n.id)
			}
			st := n.srv.Status()
			agree = agree && st.Zxid == zxid && st.Digest == strconv.FormatUint(digest, 16)
			told += fmt.Sprintf(" server %d: zxid %d digest %s;", n.id, st.Zxid, st.Digest)
		}
		if agree {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("P9: the servers do not come to one state:%s truth: zxid %d digest %x", told, zxid, digest)
		}
		time.Sleep(convergeEvery)
	}
	for _, n := range r.cluster.nodes {
		r.cluster.stop(n)
	}
	entries := r.cluster.model.Committed()
	_, seen := r.cluster.truth.now()
	_, applied := r.cluster.truth.all()
	entries = entries[:applied] // the newest of all may have been committed and shown to nobody
	whole, restored, err := replay(entries, r.rng.IntN(len(entries)+1))
	if err != nil {
		return err
	}
	if whole != seen || restored != seen {
		return fmt.Errorf("P9: the digest is %x, after a replay of the log %x, of a snapshot and the rest of the log %x", seen, whole, restored)
	}
	return nil
}

// judge checks the history, outside of the bubble.
func (r *run) judge() {
	for _, name := range slices.Sorted(maps.Keys(r.uses)) {
		r.result.Uses += len(r.uses[name])
		for _, v := range history.CheckUses(r.uses[name]) {
			r.wrong(fmt.Errorf("%s: %w", name, v))
		}
	}
	if r.history == nil {
		return
	}
	for i := range r.history.Operations {
		r.result.Operations++
		if r.history.Operations[i].Out.Fate == history.Unknown {
			r.result.Unknowns++
		}
	}
	report := history.CheckHistory(r.history, checkWithin)
	if report.Err() == nil { // and with the fates that the truth knows, which leave less to be chosen
		r.result.Settled = report.Undecided
		report = history.CheckHistory(r.cluster.truth.fates.settle(r.history), checkWithin)
	}
	r.result.Undecided = report.Undecided
	r.result.Told = report.Events
	for i := range r.history.Streams {
		if r.history.Streams[i].Persistent {
			r.result.Streams++
			for _, told := range r.history.Streams[i].Told {
				if told.Event.Type == client.EventGap {
					r.result.Gaps++
				}
			}
		} else {
			r.result.Shots++
		}
	}
	ours := slices.DeleteFunc(r.changes, func(c history.Change) bool { return c.Path == healthyPath })
	for _, v := range append(report.Violations, history.CheckTruth(r.history, ours)...) {
		r.wrong(v)
	}
}

func (r *run) wrong(err error) { r.result.Wrong = append(r.result.Wrong, err) }
