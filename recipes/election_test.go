package recipes_test

import (
	"context"
	"errors"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// elected is the outcome of a campaign that a test waits for.
type elected struct {
	leader *recipes.Leadership
	err    error
}

// campaign begins a campaign, and returns when the candidate is the n-th in line.
func campaign(t *testing.T, ctx context.Context, e *recipes.Election, watcher *client.Client, n int, value string) <-chan elected {
	t.Helper()
	outcome := make(chan elected, 1)
	go func() {
		l, err := e.Campaign(ctx, []byte(value))
		outcome <- elected{l, err}
	}()
	candidates(t, watcher, n)
	return outcome
}

// candidates waits until there are n candidates in the election at /e.
func candidates(t *testing.T, watcher *client.Client, n int) (names []string) {
	t.Helper()
	eventually(t, "candidates", func() bool {
		var err error
		names, _, err = watcher.Children(within(t), "/e")
		return err == nil && len(names) == n || n == 0 && errors.Is(err, client.ErrNoNode)
	})
	return names
}

// wins waits for the outcome of a campaign that is won.
func wins(t *testing.T, outcome <-chan elected) *recipes.Leadership {
	t.Helper()
	select {
	case o := <-outcome:
		if o.err != nil {
			t.Fatal(o.err)
		}
		return o.leader
	case <-within(t).Done():
		t.Fatal("not elected")
	}
	return nil
}

// fails waits for the outcome of a campaign that ends with an error.
func fails(t *testing.T, outcome <-chan elected, want error) {
	t.Helper()
	select {
	case o := <-outcome:
		if !errors.Is(o.err, want) {
			t.Errorf("campaign: %v, want %v", o.err, want)
		}
	case <-within(t).Done():
		t.Fatal("the campaign goes on")
	}
}

// leads checks who leads as far as the service knows.
func leads(t *testing.T, e *recipes.Election, l *recipes.Leadership, value string) {
	t.Helper()
	term, anybody, err := e.Leader(within(t))
	if err != nil || !anybody || term.Zxid != l.Term() || string(term.Value) != value || term.Path != l.Path() {
		t.Errorf("leader: %+v %v %v, want term %v", term, anybody, err, l.Term())
	}
}

func TestCandidatesLeadInTheOrderOfAsking(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	asked := recipes.NewElection(watcher, "/e")
	if term, anybody, err := asked.Leader(within(t)); anybody || err != nil || term.Zxid != 0 {
		t.Errorf("before there is an election: %+v %v %v", term, anybody, err)
	}
	const n = 5
	outcomes := make([]<-chan elected, n)
	for i := range outcomes {
		outcomes[i] = campaign(t, t.Context(), recipes.NewElection(view(t, root), "/e"), watcher, i+1, string(rune('a'+i)))
	}
	var last *recipes.Leadership
	for i, outcome := range outcomes {
		l := wins(t, outcome)
		leads(t, asked, l, string(rune('a'+i)))
		if last != nil && (l.Term() <= last.Term() || last.Context().Err() == nil) {
			t.Errorf("term %v after %v, whose context is %v", l.Term(), last.Term(), last.Context().Err())
		}
		must(t, l.Resign(within(t)))
		last = l
	}
	if _, anybody, err := asked.Leader(within(t)); anybody || err != nil {
		t.Errorf("in the end: %v %v", anybody, err)
	}
}

func TestCampaignThatIsCancelledLeavesNothingBehind(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	e := recipes.NewElection(view(t, root), "/e")
	l, err := e.Campaign(t.Context(), nil)
	must(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	second := campaign(t, ctx, e, watcher, 2, "")
	third := campaign(t, t.Context(), e, watcher, 3, "")
	enough := errors.New("enough")
	cancel(enough)
	fails(t, second, enough)
	candidates(t, watcher, 2)
	if _, err := e.Campaign(ctx, nil); !errors.Is(err, enough) {
		t.Errorf("cancelled before it began: %v", err)
	}
	candidates(t, watcher, 2)
	must(t, l.Resign(within(t)))
	must(t, wins(t, third).Resign(within(t)))
}

// TestCampaignEndsWithItsSession: whether or not the client opens another session.
func TestCampaignEndsWithItsSession(t *testing.T) {
	for _, renew := range []bool{false, true} {
		root := tree(t)
		watcher := view(t, root)
		l, err := recipes.NewElection(watcher, "/e").Campaign(t.Context(), nil)
		must(t, err)
		c := view(t, root, func(c *client.Config) { c.Renew = renew })
		outcome := campaign(t, t.Context(), recipes.NewElection(c, "/e"), watcher, 2, "")
		must(t, watcher.KillSession(within(t), c.Session().ID))
		fails(t, outcome, client.ErrSessionExpired)
		must(t, l.Resign(within(t)))
		_, err = recipes.NewElection(c, "/e").Campaign(within(t), nil)
		if renew && err != nil || !renew && !errors.Is(err, client.ErrSessionExpired) {
			t.Errorf("the next campaign, renew %v: %v", renew, err)
		}
	}
}

func TestStrangerDeletesACandidate(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	e := recipes.NewElection(view(t, root), "/e")
	l, err := e.Campaign(t.Context(), nil)
	must(t, err)
	second := campaign(t, t.Context(), e, watcher, 2, "")
	third := campaign(t, t.Context(), e, watcher, 3, "")
	must(t, watcher.Delete(t.Context(), "/e/"+candidates(t, watcher, 3)[1]))
	fails(t, second, recipes.ErrLost)
	must(t, l.Resign(within(t)))
	must(t, wins(t, third).Resign(within(t)))
}

// TestStrangerDeletesTheElection: the leader and the candidates learn that they are not, and terms go on growing although the
// numbers in line begin anew.
func TestStrangerDeletesTheElection(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	e := recipes.NewElection(view(t, root), "/e")
	first, err := e.Campaign(t.Context(), nil)
	must(t, err)
	must(t, first.Resign(within(t)))
	l, err := e.Campaign(t.Context(), nil)
	must(t, err)
	second := campaign(t, t.Context(), e, watcher, 2, "")
	_, err = watcher.DeleteTree(t.Context(), "/e")
	must(t, err)
	fails(t, second, recipes.ErrLost)
	done(t, "the leader's context", l.Context().Done())
	if cause := context.Cause(l.Context()); !errors.Is(cause, recipes.ErrLost) || !errors.Is(l.Err(), recipes.ErrLost) {
		t.Errorf("cause %v, Err %v", cause, l.Err())
	}
	next, err := e.Campaign(t.Context(), nil)
	must(t, err)
	if next.Term() <= l.Term() || next.Path() >= l.Path() {
		t.Errorf("%s of term %v after %s of term %v", next.Path(), next.Term(), l.Path(), l.Term())
	}
	leads(t, e, next, "")
	for _, err := range []error{l.Proclaim(within(t), nil), l.ResignWhenFollowed(within(t))} {
		if !errors.Is(err, recipes.ErrLost) {
			t.Error(err)
		}
	}
	if _, err := l.Commit(within(t), client.CreateOp("/written", nil)); !errors.Is(err, recipes.ErrLost) {
		t.Error(err)
	}
	must(t, l.Release(within(t)))
	must(t, next.Resign(within(t)))
}

func TestProclaim(t *testing.T) {
	root := tree(t)
	e := recipes.NewElection(view(t, root), "/e")
	l, err := e.Campaign(t.Context(), []byte("a"))
	must(t, err)
	must(t, l.Proclaim(within(t), []byte("b")))
	leads(t, e, l, "b")
	must(t, l.Resign(within(t)))
	if err := l.Proclaim(within(t), []byte("c")); !errors.Is(err, recipes.ErrReleased) {
		t.Errorf("after the end: %v", err)
	}
}

func TestResignWhenFollowed(t *testing.T) {
	root := tree(t)
	watcher := view(t, root)
	e := recipes.NewElection(view(t, root), "/e")
	l, err := e.Campaign(t.Context(), nil)
	must(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.ResignWhenFollowed(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("alone, with a context that has ended: %v", err)
	}
	must(t, l.Err())

	resigned := make(chan error, 1)
	go func() { resigned <- l.ResignWhenFollowed(t.Context()) }()
	next := wins(t, campaign(t, t.Context(), e, watcher, 1, "")) // it is alone when the first has resigned
	must(t, <-resigned)
	done(t, "the first one's context", l.Context().Done())

	go func() { resigned <- next.ResignWhenFollowed(t.Context()) }()
	must(t, watcher.Delete(t.Context(), next.Path()))
	if err := <-resigned; !errors.Is(err, recipes.ErrLost) {
		t.Errorf("lost while it waited: %v", err)
	}
	must(t, next.Release(within(t)))
}

// TestResignWhenTheElectionIsDeleted: the leadership's own end is the error, whoever hears first of it.
func TestResignWhenTheElectionIsDeleted(t *testing.T) {
	c := view(t, tree(t))
	e := recipes.NewElection(c, "/e")
	for range 10 {
		l, err := e.Campaign(t.Context(), nil)
		must(t, err)
		resigned := make(chan error, 1)
		go func() { resigned <- l.ResignWhenFollowed(within(t)) }()
		_, err = c.DeleteTree(within(t), "/e")
		must(t, err)
		if err := <-resigned; !errors.Is(err, recipes.ErrLost) {
			t.Error(err)
		}
	}
}
