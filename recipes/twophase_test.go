package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

const twoPhasePath = "/tx"

// begun is a transaction of north and south.
func begun(t testing.TB, tp *recipes.TwoPhase, id string) {
	t.Helper()
	if err := tp.Begin(within(t), id, []string{"north", "south"}, []byte("10 from north to south")); err != nil {
		t.Fatal(err)
	}
}

func voted(t testing.TB, tp *recipes.TwoPhase, id, participant string, yes bool) {
	t.Helper()
	if err := tp.Vote(within(t), id, participant, yes); err != nil {
		t.Fatal(err)
	}
}

// empty waits until nothing is left, not even the container.
func empty(t testing.TB, c *client.Client, path string) {
	t.Helper()
	names, _, err := c.Children(within(t), path)
	if err != nil && !errors.Is(err, client.ErrNoNode) || len(names) > 0 {
		t.Errorf("left: %v, %v", names, err)
	}
}

func TestTwoPhaseCommitsWhenAllHaveVotedYes(t *testing.T) {
	c := view(t, tree(t))
	tp := recipes.NewTwoPhase(c, twoPhasePath)
	begun(t, tp, "4711")
	awaits := background(func() error {
		d, err := tp.Await(within(t), "4711")
		if d != recipes.Committed {
			return fmt.Errorf("%s: %w", d, err)
		}
		return nil
	})
	decides := background(func() error {
		d, err := tp.Decide(within(t), "4711")
		if d != recipes.Committed {
			return fmt.Errorf("%s: %w", d, err)
		}
		return nil
	})
	voted(t, tp, "4711", "south", true)
	if err := tp.Done(within(t), "4711", "south"); !errors.Is(err, recipes.ErrUndecided) {
		t.Errorf("done before the decision: %v", err)
	}
	pending, err := tp.Pending(within(t), "north")
	if err != nil || len(pending) != 1 || pending[0].ID != "4711" || pending[0].Voted || pending[0].Decision != recipes.Undecided ||
		string(pending[0].Payload) != "10 from north to south" || !slices.Equal(pending[0].Participants, []string{"north", "south"}) {
		t.Errorf("%+v, %v", pending, err)
	}
	voted(t, tp, "4711", "north", true)
	voted(t, tp, "4711", "north", true) // once more
	for _, w := range []<-chan error{awaits, decides} {
		if err := outcome(t, "the decision", w); err != nil {
			t.Error(err)
		}
	}
	if err := tp.Vote(within(t), "4711", "north", false); !errors.Is(err, recipes.ErrVoted) {
		t.Errorf("a changed vote: %v", err)
	}
	if d, err := tp.Abort(within(t), "4711"); d != recipes.Committed || err != nil {
		t.Errorf("to abort what was committed: %v, %v", d, err)
	}
	for range 2 {
		if err := tp.Done(within(t), "4711", "north"); err != nil {
			t.Error(err)
		}
	}
	if pending, err := tp.Pending(within(t), "north"); len(pending) > 0 || err != nil {
		t.Errorf("%+v, %v", pending, err)
	}
	pending, err = tp.Pending(within(t), "south")
	if err != nil || len(pending) != 1 || !pending[0].Yes || pending[0].Decision != recipes.Committed {
		t.Errorf("%+v, %v", pending, err)
	}
	if d, err := tp.Decide(within(t), "4711"); d != recipes.Committed || err != nil {
		t.Errorf("when one is done already: %v, %v", d, err)
	}
	if err := tp.Done(within(t), "4711", "south"); err != nil {
		t.Error(err)
	}
	empty(t, c, twoPhasePath)
	if _, err := tp.Await(within(t), "4711"); !errors.Is(err, client.ErrNoNode) {
		t.Error(err)
	}
	if err := tp.Done(within(t), "4711", "south"); err != nil {
		t.Error(err)
	}
}

func TestTwoPhaseAbortsWithOneNo(t *testing.T) {
	c := view(t, tree(t))
	tp := recipes.NewTwoPhase(c, twoPhasePath)
	begun(t, tp, "a/b c") // any text goes
	decides := background(func() error {
		d, err := tp.Decide(within(t), "a/b c")
		if d != recipes.Aborted {
			return fmt.Errorf("%s: %w", d, err)
		}
		return nil
	})
	voted(t, tp, "a/b c", "south", false)
	if d, err := tp.Await(within(t), "a/b c"); d != recipes.Aborted || err != nil { // nobody else had to do anything
		t.Errorf("%v, %v", d, err)
	}
	if err := outcome(t, "the decision", decides); err != nil {
		t.Error(err)
	}
	voted(t, tp, "a/b c", "north", true) // too late, and harmless
	if d, err := tp.Decide(within(t), "a/b c"); d != recipes.Aborted || err != nil {
		t.Errorf("%v, %v", d, err)
	}
	if pending, err := tp.Pending(within(t), "north"); err != nil || len(pending) != 1 || pending[0].ID != "a/b c" {
		t.Errorf("%+v, %v", pending, err)
	}
	for _, p := range []string{"north", "south"} {
		if err := tp.Done(within(t), "a/b c", p); err != nil {
			t.Error(err)
		}
	}
	empty(t, c, twoPhasePath)
}

func TestTwoPhaseAbortsWhenAsked(t *testing.T) {
	tp := recipes.NewTwoPhase(view(t, tree(t)), twoPhasePath)
	begun(t, tp, "1")
	voted(t, tp, "1", "north", true)
	why := errors.New("no time")
	ctx, cancel := context.WithCancelCause(t.Context())
	decides := background(func() error { _, err := tp.Decide(ctx, "1"); return err })
	cancel(why)
	if err := outcome(t, "deciding", decides); !errors.Is(err, why) {
		t.Error(err)
	}
	if d, err := tp.Abort(within(t), "1"); d != recipes.Aborted || err != nil {
		t.Errorf("%v, %v", d, err)
	}
	voted(t, tp, "1", "south", true)
	if d, err := tp.Decide(within(t), "1"); d != recipes.Aborted || err != nil {
		t.Errorf("%v, %v", d, err)
	}
}

// TestTwoPhaseDecidesOnce: who commits and who aborts at the same moment are told the same.
func TestTwoPhaseDecidesOnce(t *testing.T) {
	root := tree(t)
	tps := []*recipes.TwoPhase{recipes.NewTwoPhase(view(t, root), twoPhasePath), recipes.NewTwoPhase(view(t, root), twoPhasePath)}
	committed := 0
	const rounds = 100
	for round := range rounds {
		id := fmt.Sprint(round)
		begun(t, tps[0], id)
		voted(t, tps[0], id, "north", true)
		voted(t, tps[0], id, "south", true)
		told := make(chan recipes.Decision, 2)
		both := []<-chan error{
			background(func() error { d, err := tps[0].Decide(within(t), id); told <- d; return err }),
			background(func() error { d, err := tps[1].Abort(within(t), id); told <- d; return err }),
		}
		for _, w := range both {
			if err := outcome(t, "deciding", w); err != nil {
				t.Fatal(err)
			}
		}
		d, err := tps[0].Await(within(t), id)
		if a, b := <-told, <-told; err != nil || a != d || b != d || d == recipes.Undecided {
			t.Fatalf("%s, %s, and %s: %v", a, b, d, err)
		}
		if d == recipes.Committed {
			committed++
		}
	}
	t.Logf("%d of %d committed", committed, rounds)
}

func TestTwoPhaseRefuses(t *testing.T) {
	tp := recipes.NewTwoPhase(view(t, tree(t)), twoPhasePath)
	for _, participants := range [][]string{nil, {"north", "north"}, {"n\xff"}, make([]string, 991)} {
		for i := range participants {
			if len(participants) > 2 {
				participants[i] = fmt.Sprint(i)
			}
		}
		if err := tp.Begin(within(t), "1", participants, nil); !errors.Is(err, client.ErrBadArguments) {
			t.Errorf("%d participants: %v", len(participants), err)
		}
	}
	begun(t, tp, "1")
	if err := tp.Begin(within(t), "1", []string{"east"}, nil); !errors.Is(err, client.ErrNodeExists) {
		t.Error(err)
	}
	if err := tp.Vote(within(t), "1", "east", true); !errors.Is(err, client.ErrNoNode) {
		t.Errorf("a stranger's vote: %v", err)
	}
	if err := tp.Done(within(t), "1", "east"); !errors.Is(err, client.ErrNoNode) {
		t.Errorf("a stranger is done: %v", err)
	}
	if err := tp.Vote(within(t), "2", "north", true); !errors.Is(err, client.ErrNoNode) {
		t.Errorf("a vote about nothing: %v", err)
	}
	for _, f := range []func(context.Context, string) (recipes.Decision, error){tp.Decide, tp.Await, tp.Abort} {
		if _, err := f(within(t), "2"); !errors.Is(err, client.ErrNoNode) {
			t.Error(err)
		}
	}
}

func TestTwoPhaseOfAsManyAsThereMayBe(t *testing.T) {
	c := view(t, tree(t))
	tp := recipes.NewTwoPhase(c, twoPhasePath)
	all := make([]string, 990)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	if err := tp.Begin(within(t), "1", all, []byte("x")); err != nil {
		t.Fatal(err)
	}
	each := func(f func(string) error) {
		results := make(chan error, len(all))
		for _, p := range all {
			go func() { results <- f(p) }()
		}
		for range all {
			if err := <-results; err != nil {
				t.Fatal(err)
			}
		}
	}
	each(func(p string) error { return tp.Vote(within(t), "1", p, true) })
	if d, err := tp.Decide(within(t), "1"); d != recipes.Committed || err != nil {
		t.Fatalf("%v, %v", d, err)
	}
	each(func(p string) error { return tp.Done(within(t), "1", p) }) // all at once: one of them is the last
	empty(t, c, twoPhasePath)
}

// TestTwoPhaseUnderFaults: nothing belongs to a session, so it goes on where it was.
func TestTwoPhaseUnderFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	coordinator, immortal := cluster.Client(t), cluster.Client(t, renewing)
	begun(t, recipes.NewTwoPhase(coordinator, twoPhasePath), "1")
	dies := background(func() error {
		_, err := recipes.NewTwoPhase(coordinator, twoPhasePath).Decide(within(t), "1")
		return err
	})
	decision := func(c *client.Client, f func(*recipes.TwoPhase) (recipes.Decision, error)) <-chan error {
		return background(func() error {
			if d, err := f(recipes.NewTwoPhase(c, twoPhasePath)); d != recipes.Committed {
				return fmt.Errorf("%q: %w", d, err)
			}
			return nil
		})
	}
	decide := func(tp *recipes.TwoPhase) (recipes.Decision, error) { return tp.Decide(within(t), "1") }
	await := func(tp *recipes.TwoPhase) (recipes.Decision, error) { return tp.Await(within(t), "1") }
	recovers, awaits := decision(immortal, decide), decision(cluster.Client(t), await)
	renewed := decision(immortal, await)
	cluster.ExpireSession(coordinator.Session().ID)
	if err := outcome(t, "the coordinator, whose session has ended", dies); !errors.Is(err, client.ErrSessionExpired) {
		t.Error(err)
	}
	cluster.ExpireSession(immortal.Session().ID)
	participant := cluster.Client(t)
	tp := recipes.NewTwoPhase(participant, twoPhasePath)
	lost := cluster.DropReply(participant.Session().ID)
	voted(t, tp, "1", "north", true) // is carried out once, and answered the second time
	done(t, "a lost reply", lost)
	cluster.Kill(cluster.Leader())
	voted(t, tp, "1", "south", true)
	for _, w := range []<-chan error{recovers, awaits, renewed} {
		if err := outcome(t, "the decision", w); err != nil {
			t.Error(err)
		}
	}

	begun(t, tp, "2")
	deleted := background(func() error { _, err := tp.Await(within(t), "2"); return err })
	deciding := background(func() error { _, err := tp.Decide(within(t), "2"); return err })
	eventually(t, "begun", func() bool { p, err := tp.Pending(within(t), "north"); return err == nil && len(p) == 2 })
	if _, err := participant.DeleteTree(within(t), twoPhasePath); err != nil {
		t.Fatal(err)
	}
	for _, w := range []<-chan error{deleted, deciding} {
		if err := outcome(t, "what somebody has deleted", w); !errors.Is(err, client.ErrNoNode) {
			t.Error(err)
		}
	}
}

// What is under way when a session ends is done again in the next one.
func TestTwoPhaseGoesOnInTheNextSession(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c, other := cluster.Client(t, renewing), recipes.NewTwoPhase(cluster.Client(t), twoPhasePath)
	tp := recipes.NewTwoPhase(c, twoPhasePath)
	for _, id := range []string{"1", "2", "3"} {
		begun(t, other, id)
	}
	id := c.Session().ID
	cluster.HoldSession(id)
	awaits := background(func() error { _, err := tp.Await(within(t), "1"); return err })
	decides := background(func() error { _, err := tp.Decide(within(t), "2"); return err })
	aborts := background(func() error { _, err := tp.Abort(within(t), "3"); return err })
	cluster.ExpireSession(id)
	cluster.ReleaseSession(id)
	must(t, outcome(t, "aborting", aborts))
	for _, id := range []string{"1", "2"} {
		_, err := other.Abort(within(t), id)
		must(t, err)
	}
	must(t, outcome(t, "awaiting", awaits))
	must(t, outcome(t, "deciding", decides))
}

// A node of somebody else is no transaction, and one that was spoiled is not passed over by those who take part in it.
func TestTwoPhasePendingBesideStrangers(t *testing.T) {
	c := view(t, tree(t))
	tp := recipes.NewTwoPhase(c, twoPhasePath)
	begun(t, tp, "2")
	for _, id := range []string{"1", "3"} {
		_, _, err := c.Create(within(t), twoPhasePath+"/"+id, []byte("note"))
		must(t, err)
	}
	if pending, err := tp.Pending(within(t), "north"); err != nil || len(pending) != 1 || pending[0].ID != "2" {
		t.Errorf("%+v, %v", pending, err)
	}
	_, err := c.Set(within(t), twoPhasePath+"/2", []byte("note"))
	must(t, err)
	if pending, err := tp.Pending(within(t), "north"); err == nil {
		t.Errorf("%+v", pending)
	}
	if pending, err := tp.Pending(within(t), "east"); err != nil || len(pending) != 0 {
		t.Errorf("%+v, %v", pending, err)
	}
}

// TestTwoPhaseModel: participants and coordinators that do their steps in any order, crash between them and come back with
// nothing but what Pending tells, on two clients. What was told is compared with the rule.
func TestTwoPhaseModel(t *testing.T) {
	root := tree(t)
	clients := []*client.Client{view(t, root), view(t, root)}
	for round := range 40 {
		id := fmt.Sprint(round)
		names := []string{"north", "south", "east"}[:1+rand.N(3)]
		at := func() *recipes.TwoPhase { return recipes.NewTwoPhase(clients[rand.N(2)], twoPhasePath) }
		if err := at().Begin(within(t), id, names, []byte(id)); err != nil {
			t.Fatal(err)
		}
		willing := rand.N(3) > 0
		votes := map[string]bool{}
		told := make(chan recipes.Decision, 100)
		var actors []<-chan error
		for _, name := range names {
			yes := willing || rand.N(2) == 0
			votes[name] = yes
			actors = append(actors, background(func() error { return participate(t, at, id, name, yes, told) }))
		}
		for range rand.N(3) { // coordinators, who may come and go
			impatient := rand.N(2) == 0
			actors = append(actors, background(func() error {
				ctx, cancel := context.WithCancel(within(t))
				defer cancel()
				if impatient {
					cancel()
				}
				d, err := at().Decide(ctx, id)
				if ctx.Err() != nil {
					d, err = at().Abort(within(t), id)
				}
				if errors.Is(err, client.ErrNoNode) {
					return nil // all over
				}
				told <- d
				return err
			}))
		}
		for _, a := range actors {
			if err := outcome(t, "everybody", a); err != nil {
				t.Fatalf("%v: %v", votes, err)
			}
		}
		close(told)
		all := true
		for _, yes := range votes {
			all = all && yes
		}
		first := recipes.Undecided
		for d := range told {
			if first == recipes.Undecided {
				first = d
			}
			if d != first || d == recipes.Undecided || d == recipes.Committed && !all {
				t.Fatalf("one was told %s, another one %s; votes %v", first, d, votes)
			}
		}
		empty(t, clients[0], twoPhasePath)
	}
}

// participate is one participant: it looks what is to do, does one thing, and may crash before it looks again.
func participate(t *testing.T, at func() *recipes.TwoPhase, id, name string, yes bool, told chan<- recipes.Decision) error {
	for {
		pending, err := at().Pending(within(t), name)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(pending, func(p recipes.PendingTransaction) bool { return p.ID == id })
		if i < 0 {
			return nil
		}
		switch p := pending[i]; {
		case p.Decision != recipes.Undecided: // after a crash
			told <- p.Decision
			err = at().Done(within(t), id, name)
		case !p.Voted:
			err = at().Vote(within(t), id, name, yes)
		case p.Yes != yes:
			return fmt.Errorf("%s has voted %v, and finds %+v", name, yes, p)
		default:
			var d recipes.Decision
			d, err = at().Decide(within(t), id)
			if err == nil && rand.N(2) == 0 {
				told <- d
				err = at().Done(within(t), id, name)
			}
		}
		if err != nil {
			return err
		}
	}
}
