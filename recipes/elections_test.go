package recipes_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/servertest"
)

var (
	elections     = flag.Int("elections", 10, "changes of the leader that TestElections waits for, with a fault for every fourth at least")
	electionsSeed = flag.Uint64("elections.seed", 1, "seed of the faults of TestElections, and of what candidates do")
)

const (
	// electionPath and ledgerPath are the election of TestElections, and the node that its leaders write.
	electionPath = "/election"
	ledgerPath   = "/ledger"

	// electionCandidates is how many campaign at a time: always a few in line.
	electionCandidates = 5

	// deposedPatience is how long a leader that is not certain any more tries to write, and to give back what it has.
	deposedPatience = 2 * time.Second

	// observersPatience is how long observers may take to see the end, when everything is healed.
	observersPatience = 30 * time.Second

	// lastValue is proclaimed when all is over.
	lastValue = "last"
)

// TestElections: while servers are killed, paused and cut off, sessions hang and expire, and strangers delete nodes, at random,
// never two leaderships are alive at once, terms grow, a leader writes in its term only, and observers on all servers are told
// every term and every value once, in order. See [electionRecord.judge] for what is checked. A failure names its seed;
// -elections.seed SEED makes the same faults happen again, at about the same moments.
func TestElections(t *testing.T) {
	cluster := servertest.Start(t, 3, func(c *server.Config) {
		log := c.Log.Level(zerolog.ErrorLevel) // elections are no news here
		c.Log = &log
	})
	began := time.Now()
	r := &electionRun{t: t, cluster: cluster, random: rand.New(rand.NewPCG(*electionsSeed, 0)), stranger: cluster.Client(t, renewing)}
	r.over, r.end = context.WithCancel(t.Context())
	_, _, err := r.stranger.Create(within(t), ledgerPath, nil)
	must(t, err)
	r.observe()
	r.campaign()
	for (r.record.leaders() < *elections || len(r.done) < *elections/4) && !t.Failed() {
		r.fault()
	}
	r.finish()
	if wrong := r.record.judge(); len(wrong) > 0 {
		wrong = wrong[:min(len(wrong), 20)]
		faults := r.done[max(0, len(r.done)-20):]
		t.Fatalf("seed %d:\n%s\nlast faults:\n%s", *electionsSeed, strings.Join(wrong, "\n"), strings.Join(faults, "\n"))
	}
	t.Logf("%v: %v, %d faults", time.Since(began).Round(time.Millisecond), &r.record, len(r.done))
}

// electionRun is one run: a cluster, candidates, observers, and what they do.
type electionRun struct {
	t        *testing.T
	cluster  *servertest.Cluster
	random   *rand.Rand // of the faults
	stranger *client.Client
	record   electionRecord
	done     []string // faults

	stop       context.CancelFunc // of the candidates
	candidates [electionCandidates]atomic.Pointer[client.Client]
	campaigns  sync.WaitGroup
	observers  sync.WaitGroup
	over       context.Context // ends the observers that have not ended by themselves
	end        context.CancelFunc
}

// campaign lets the candidates begin.
func (r *electionRun) campaign() {
	ctx, stop := context.WithCancel(r.t.Context())
	r.stop = stop
	for i := range electionCandidates {
		random := rand.New(rand.NewPCG(*electionsSeed, uint64(i+1)))
		r.campaigns.Go(func() { r.candidate(ctx, i, random) })
	}
}

// candidate campaigns, leads, and campaigns again, until ctx ends. Every other one has clients that do not renew their
// session, and opens another when it has ended.
func (r *electionRun) candidate(ctx context.Context, i int, random *rand.Rand) {
	for ctx.Err() == nil {
		config := client.Config{Servers: r.cluster.Addrs(), Name: fmt.Sprint("candidate ", i), SessionTimeout: time.Second, Renew: i%2 == 0}
		c, err := client.Dial(ctx, config)
		if err != nil {
			if ctx.Err() == nil {
				r.record.wrong("dial: %v", err)
			}
			return
		}
		r.candidates[i].Store(c)
		election := recipes.NewElection(c, electionPath)
		for n := 0; ctx.Err() == nil; n++ {
			if state, _ := c.State(); state.Final() {
				break
			}
			r.run(ctx, election, fmt.Sprintf("%d.%d", i, n), random)
		}
	}
}

// run is one campaign, and the leadership if it is won.
func (r *electionRun) run(ctx context.Context, election *recipes.Election, value string, random *rand.Rand) {
	campaign, cancel := context.WithCancel(ctx)
	defer cancel()
	impatient := random.IntN(5) == 0
	if impatient {
		campaign, cancel = context.WithTimeout(campaign, time.Duration(random.IntN(200))*time.Millisecond)
		defer cancel()
	}
	l, err := election.Campaign(campaign, []byte(value))
	switch {
	case err == nil:
		r.record.granted(l, value)
		r.lead(ctx, l, value, random)
	case errors.Is(err, client.ErrSessionExpired):
		r.record.count(&r.record.expired)
	case errors.Is(err, recipes.ErrLost):
		r.record.count(&r.record.lost)
	case campaign.Err() != nil && errors.Is(err, context.Cause(campaign)):
		r.record.count(&r.record.cancelled)
	default:
		r.record.wrong("campaign: %v", err)
	}
}

// lead does what leaders do for a while, or until somebody ends it, and then gives up the leadership in one way or another.
func (r *electionRun) lead(ctx context.Context, l *recipes.Leadership, value string, random *rand.Rand) {
	patience := time.Duration(random.IntN(250)) * time.Millisecond
	if random.IntN(4) == 0 {
		patience = time.Second // a fault is likely to be faster
	}
	end := time.NewTimer(patience)
	defer end.Stop()
	for n, more := 0, true; more && l.Context().Err() == nil; n++ {
		r.write(l.Context(), l)
		if random.IntN(3) == 0 {
			next := fmt.Sprintf("%s.%d", value, n)
			if l.Proclaim(l.Context(), []byte(next)) == nil {
				r.record.proclaimed(l, next)
			}
		}
		select {
		case <-time.After(time.Duration(1+random.IntN(10)) * time.Millisecond):
		case <-end.C:
			more = false
		case <-ctx.Done():
			more = false
		case <-l.Context().Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), deposedPatience)
	defer cancel()
	if l.Context().Err() != nil {
		r.write(last, l) // it does not know better
	} else if random.IntN(4) == 0 {
		soon, cancel := context.WithTimeout(last, 100*time.Millisecond)
		_ = l.ResignWhenFollowed(soon)
		cancel()
	}
	if err := l.Resign(last); err != nil && last.Err() == nil && !errors.Is(err, client.ErrSessionExpired) {
		r.record.wrong("resign: %v", err)
	}
}

// write writes the leader's term into the ledger, if it leads.
func (r *electionRun) write(ctx context.Context, l *recipes.Leadership) {
	_, err := l.Commit(ctx, client.SetOp(ledgerPath, fmt.Appendf(nil, "%d", l.Term())))
	switch {
	case err == nil:
		r.record.count(&r.record.commits)
	case errors.Is(err, recipes.ErrLost), errors.Is(err, client.ErrSessionExpired):
		r.record.count(&r.record.refused)
	case ctx.Err() == nil:
		r.record.wrong("commit: %v", err)
	}
}

// finish lets the candidates give up, checks that they leave nothing behind, and waits until the observers have seen it all.
func (r *electionRun) finish() {
	t := r.t
	t.Helper()
	r.stop()
	r.campaigns.Wait()
	eventually(t, "an empty line", func() bool {
		names, _, err := r.stranger.Children(within(t), electionPath)
		return len(names) == 0 && (err == nil || errors.Is(err, client.ErrNoNode))
	})
	l, err := recipes.NewElection(r.stranger, electionPath).Campaign(within(t), []byte(lastValue))
	must(t, err)
	r.record.granted(l, lastValue)
	_, err = l.Commit(within(t), client.SetOp(ledgerPath, []byte(lastValue)))
	must(t, err)
	late := time.AfterFunc(observersPatience, r.end)
	r.observers.Wait()
	late.Stop()
	must(t, l.Resign(within(t)))
	for i := range r.candidates {
		if c := r.candidates[i].Load(); c != nil {
			if err := c.Close(within(t)); err != nil {
				t.Error(err)
			}
		}
	}
}
