package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// story is an explanation in a line: who holds, and who waits for whom, by the numbers at the ends of the nodes' names.
func story(e recipes.Explanation) string {
	last := func(path string) string {
		if path == "" {
			return ""
		}
		return strings.TrimLeft(path[strings.LastIndexAny(path, "-/")+1:], "0/")
	}
	text := string(e.Purpose)
	for _, c := range e.Claims {
		text += " " + last(c.Path)
		if c.Shared {
			text += "s"
		}
		if !c.Holds {
			text += ">" + last(c.WaitsFor)
		}
	}
	return text
}

func explained(t *testing.T, c *client.Client, path string) recipes.Explanation {
	t.Helper()
	e, err := recipes.Explain(within(t), c, path)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// places makes the nodes of a line as recipes do.
func places(t *testing.T, c *client.Client, line string, prefixes ...string) {
	t.Helper()
	for _, prefix := range prefixes {
		if _, _, err := c.Create(within(t), line+"/"+prefix, []byte(prefix), client.Ephemeral(), client.Sequential(), client.ContainerParents()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExplainTellsWhoWaitsForWhom(t *testing.T) {
	c := view(t, tree(t))
	for _, tt := range []struct{ line, want string }{
		{"lock- lock- lock-", "lock  1>0 2>1"},
		{"read- read- lock- read- read- lock-", "lock s 1s 2>1 3s>2 4s>2 5>4"},
		{"lock- read- lock-", "lock  1s>0 2>1"},
		{"candidate- candidate-", "election  1>0"},
		{"other- other-", "members  1"},
		{"worker- lock- other- lock-", "lock 1 3>1"},
	} {
		line := "/" + strings.ReplaceAll(tt.line, " ", "")
		places(t, c, line, strings.Fields(tt.line)...)
		want := strings.ReplaceAll(tt.want, ">0", ">")
		e := explained(t, c, line)
		if got := story(e); got != want {
			t.Errorf("%s: %q, want %q", tt.line, got, want)
		}
		for _, claim := range e.Claims {
			if claim.Session.ID != c.Session().ID || claim.Session.Name != t.Name() || claim.Ended || !claim.Session.Attached {
				t.Errorf("%s is in %+v", claim.Path, claim.Session)
			}
			place := explained(t, c, claim.Path)
			if tt.want[0] == 'm' && place.Purpose != recipes.PurposeEphemeral {
				t.Errorf("%s is in no line: %+v", claim.Path, place)
			}
			if tt.want[0] != 'm' && (place.Purpose != recipes.PurposePlace || len(place.Claims) != 1 || place.Claims[0].WaitsFor != claim.WaitsFor) {
				t.Errorf("%s: %+v", claim.Path, place)
			}
		}
	}
}

func TestExplainWhatRecipesMake(t *testing.T) {
	c := view(t, tree(t))
	check := func(path, want string) {
		t.Helper()
		if got := story(explained(t, c, path)); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	check("/l", "absent")
	w, err := recipes.NewRWLock(c, "/l", recipes.WithLabel([]byte("me"))).Write(within(t))
	if err != nil {
		t.Fatal(err)
	}
	check("/l", "lock ")
	waiting, cancel := context.WithCancel(within(t))
	read := make(chan error)
	for range 2 {
		go func() {
			_, err := recipes.NewRWLock(c, "/l").Read(waiting)
			read <- err
		}()
	}
	eventually(t, "in line", func() bool { return len(explained(t, c, "/l").Claims) == 3 })
	check("/l", "lock  1s> 2s>")
	if err := w.Downgrade(within(t)); err != nil {
		t.Fatal(err)
	}
	check("/l", "lock s 1s 2s")
	if e := explained(t, c, "/l"); string(e.Claims[0].Data) != "me" {
		t.Errorf("the label is %q", e.Claims[0].Data)
	}
	for range 2 {
		if err := <-read; err != nil {
			t.Error(err)
		}
	}

	semaphore := recipes.NewSemaphore(c, "/s", 3)
	if _, err := semaphore.Acquire(within(t), 2); err != nil {
		t.Fatal(err)
	}
	acquired := make(chan error)
	go func() {
		_, err := semaphore.Acquire(waiting, 3)
		acquired <- err
	}()
	eventually(t, "in line", func() bool { return len(explained(t, c, "/s").Claims) == 2 })
	e := explained(t, c, "/s")
	if hold, wait := e.Holders(), e.Waiters(); e.Purpose != recipes.PurposeSemaphore || e.Permits != 3 ||
		len(hold) != 1 || hold[0].Permits != 2 || len(wait) != 1 || wait[0].Permits != 3 || wait[0].WaitsFor != "/s/permits" {
		t.Errorf("%+v", e)
	}
	check(e.Claims[0].Path, "place s")
	check(e.Claims[1].Path, "place 1>permits")
	cancel()
	if err := <-acquired; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	if _, _, err := c.Create(within(t), "/ttl", nil, client.TTL(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if e := explained(t, c, "/ttl"); e.Purpose != recipes.PurposeLease || e.Left < 50*time.Minute || e.Left > 70*time.Minute {
		t.Errorf("%+v", e)
	}
	check("/", "node")
	all, err := recipes.ExplainTree(within(t), c, "/")
	var paths []string
	for _, e := range all {
		paths = append(paths, e.Path)
	}
	if got := strings.Join(paths, " "); got != "/l /s /ttl" || err != nil {
		t.Errorf("below /: %s, %v", got, err)
	}
	if _, err := recipes.ExplainTree(within(t), c, "/nope"); !errors.Is(err, client.ErrNoNode) {
		t.Errorf("below what is not there: %v", err)
	}
}

// Numbered nodes of other kinds are in no line; those of a line that somebody has made by hand are, as for the recipes.
func TestExplainCountsWhoIsInLine(t *testing.T) {
	c := view(t, tree(t))
	config := recipes.NewConfig[int](c, "/config")
	for i := range 2 {
		if _, err := config.Set(within(t), i); err != nil {
			t.Fatal(err)
		}
	}
	if got := story(explained(t, c, "/config")); got != "config" {
		t.Errorf("a config: %q", got)
	}
	for _, path := range []string{"/hand/lock-", "/jobs/job-"} {
		if _, _, err := c.Create(within(t), path, nil, client.Sequential(), client.Parents()); err != nil {
			t.Fatal(err)
		}
	}
	if got := story(explained(t, c, "/jobs")); got != "node" {
		t.Errorf("numbered nodes: %q", got)
	}
	places(t, c, "/hand", "lock-")
	e := explained(t, c, "/hand")
	if got := story(e); got != "lock  1>" || e.Claims[0].Session.ID != 0 || len(recipes.Circles(e)) != 0 {
		t.Errorf("a place that somebody has made by hand: %q, %+v", got, e)
	}
	if _, err := recipes.NewLock(c, "/hand").TryAcquire(within(t)); !errors.Is(err, recipes.ErrHeld) {
		t.Errorf("the lock says %v", err)
	}
}

// While a lock-delay runs it is told how long, and nobody holds the lock.
func TestExplainTellsOfTheLockDelay(t *testing.T) {
	root := tree(t)
	c := view(t, root)
	if _, err := recipes.NewLock(c, "/l", recipes.LockDelay(time.Hour)).Acquire(within(t)); err != nil {
		t.Fatal(err)
	}
	e := explained(t, c, "/l")
	if err := c.Delete(within(t), e.Claims[0].Path); err != nil {
		t.Fatal(err)
	}
	_, err := recipes.NewLock(c, "/l", recipes.LockDelay(time.Hour)).TryAcquire(within(t))
	if !errors.Is(err, recipes.ErrHeld) {
		t.Fatal(err)
	}
	e = explained(t, c, "/l")
	if e.Purpose != recipes.PurposeLock || len(e.Claims) != 0 || e.Left < 50*time.Minute || e.Left > 70*time.Minute {
		t.Errorf("%+v", e)
	}
	all, err := recipes.ExplainTree(within(t), c, "/")
	if err != nil || len(all) != 1 || all[0].Path != "/l" {
		t.Errorf("%+v, %v", all, err)
	}
}

// A circle is found if and only if somebody can be reached from himself, and what is found is one.
func TestCirclesAgainstReachability(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 2000 {
		n := 1 + rng.IntN(6)
		var all []recipes.Explanation
		var reach [8][8]bool // by session
		owners := map[string]client.SessionID{}
		for lock := range 1 + rng.IntN(5) {
			e := recipes.Explanation{Path: fmt.Sprintf("/%d", lock), Purpose: recipes.PurposeLock}
			for place := range rng.IntN(4) {
				c := recipes.Claim{Path: fmt.Sprintf("%s/%d", e.Path, place), Holds: place == 0}
				c.Session.ID = client.SessionID(1 + rng.IntN(n))
				c.Stat.Czxid = client.Zxid(rng.Uint64())
				if owners[c.Path] = c.Session.ID; place > 0 {
					c.WaitsFor = e.Claims[place-1].Path
					reach[c.Session.ID][owners[c.WaitsFor]] = true
				}
				e.Claims = append(e.Claims, c)
			}
			all = append(all, e)
		}
		for k := range reach {
			for i := range reach {
				for j := range reach {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		circular := slices.ContainsFunc([]int{1, 2, 3, 4, 5, 6}, func(i int) bool { return reach[i][i] })
		circles := recipes.Circles(all...)
		if (len(circles) > 0) != circular {
			t.Fatalf("round %d: %v, circles %v, but they are there: %v", round, all, circles, circular)
		}
		for _, circle := range circles {
			for i, c := range circle {
				if next := circle[(i+1)%len(circle)]; owners[c.WaitsFor] != next.Session.ID || c.Stat.Czxid < circle[0].Stat.Czxid {
					t.Fatalf("round %d: %v is no circle", round, circle)
				}
			}
		}
	}
}

// Two that hold what the other wants are a circle, and one that waits for itself; several that have permits are nobody to wait
// for.
func TestCircles(t *testing.T) {
	root := tree(t)
	a, b := view(t, root), view(t, root)
	circles := func(path string) string {
		t.Helper()
		all, err := recipes.ExplainTree(within(t), a, path)
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, circle := range recipes.Circles(all...) {
			for _, c := range circle {
				text = append(text, c.Path+" > "+c.WaitsFor)
			}
		}
		return strings.Join(text, ", ")
	}
	places(t, a, "/two/x", "lock-")
	places(t, b, "/two/y", "lock-")
	places(t, b, "/two/x", "lock-")
	if got := circles("/two"); got != "" {
		t.Errorf("one waits for the other: %s", got)
	}
	places(t, a, "/two/y", "lock-")
	want := "/two/x/lock-0000000001 > /two/x/lock-0000000000, /two/y/lock-0000000001 > /two/y/lock-0000000000"
	if got := circles("/two"); got != want {
		t.Errorf("two wait for each other: %q", got)
	}
	places(t, a, "/one", "lock-", "lock-")
	if got := circles("/one"); got != "/one/lock-0000000001 > /one/lock-0000000000" {
		t.Errorf("one waits for itself: %q", got)
	}
	places(t, a, "/pool/permits", "permit-")
	places(t, a, "/pool/queue", "wait-")
	if got := circles("/pool"); got != "/pool/queue/wait-0000000000 > /pool/permits/permit-0000000000" {
		t.Errorf("one waits for its own permit: %q", got)
	}
	places(t, b, "/pool/permits", "permit-")
	if got := circles("/pool"); got != "" {
		t.Errorf("one waits for anybody's permit: %q", got)
	}
}
