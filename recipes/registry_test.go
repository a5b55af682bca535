package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

func register(t *testing.T, r *recipes.Registry, id string, options ...recipes.RegisterOption) *recipes.Instance {
	t.Helper()
	i, err := r.Register(within(t), recipes.Service{Name: "web", ID: id, Address: id + ":80"}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// health is what others see of an instance: "passing", "critical: note", or "" if it is not there.
func health(t *testing.T, r *recipes.Registry, id string) string {
	t.Helper()
	all, err := r.Lookup(within(t), "web")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.ID == id {
			return strings.TrimSuffix(fmt.Sprintf("%s: %s", i.Health, i.Note), ": ")
		}
	}
	return ""
}

func sees(t *testing.T, r *recipes.Registry, id, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is %q", id, want), func() bool { return health(t, r, id) == want })
}

func TestRegistryTellsWhoIsThere(t *testing.T) {
	root := tree(t)
	r := recipes.NewRegistry(view(t, root), "/services")
	c := view(t, root)
	other := recipes.NewRegistry(c, "/services")
	if names, err := other.Services(within(t)); err != nil || len(names) > 0 {
		t.Errorf("%v, %v", names, err)
	}
	if all, err := other.Lookup(within(t), "web"); err != nil || len(all) > 0 {
		t.Errorf("%v, %v", all, err)
	}
	s := recipes.Service{Name: "web", Address: "10.0.0.7:80", Tags: []string{"eu"}, Metadata: map[string]string{"weight": "10"}}
	i, err := r.Register(within(t), s)
	if err != nil {
		t.Fatal(err)
	}
	if id := i.Service().ID; id != "10.0.0.7:80" {
		t.Errorf("id %q", id)
	}
	if names, err := other.Services(within(t)); err != nil || !slices.Equal(names, []string{"web"}) {
		t.Errorf("%v, %v", names, err)
	}
	all, err := other.Lookup(within(t), "web")
	if err != nil || len(all) != 1 || all[0].Address != s.Address || all[0].Tags[0] != "eu" || all[0].Metadata["weight"] != "10" ||
		all[0].Health != recipes.HealthPassing || all[0].Session == 0 {
		t.Errorf("%+v, %v", all, err)
	}
	// Others who write such nodes are found, and those who write something else are not.
	for name, data := range map[string]string{"static": `{"address":"old:80"}`, "note": "hello", "empty": `{}`} {
		if _, _, err := c.Create(within(t), "/services/web/"+name, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	all, err = other.Lookup(within(t), "web")
	if err != nil || len(all) != 2 || all[1].ID != "static" || all[1].Health != recipes.HealthPassing || all[1].Session != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := i.Close(within(t)); err != nil {
		t.Error(err)
	}
	if got := health(t, other, "10.0.0.7:80"); got != "" {
		t.Errorf("after the end: %q", got)
	}
	if err := i.Close(within(t)); err != nil {
		t.Error("again:", err)
	}
}

func TestRegistryRefusesWhatIsNoServiceName(t *testing.T) {
	r := recipes.NewRegistry(view(t, tree(t)), "/services")
	for _, s := range []recipes.Service{
		{Name: "", Address: "a:1"}, {Name: "a/b", Address: "a:1"}, {Name: "..", Address: "a:1"},
		{Name: "web", ID: "a/b", Address: "a:1"}, {Name: "web", Address: ""}, {Name: "web", Address: "a"}, {Name: "web", Address: ":80"},
		{Name: "web", ID: "a\x00", Address: "a:1"},
	} {
		if _, err := r.Register(within(t), s); !errors.Is(err, client.ErrBadArguments) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if _, err := r.Lookup(within(t), "a/b"); !errors.Is(err, client.ErrBadArguments) {
		t.Error(err)
	}
	if _, err := r.Watch(within(t), ""); !errors.Is(err, client.ErrBadArguments) {
		t.Error(err)
	}
}

func TestInstanceIsCriticalWithoutSignsOfLife(t *testing.T) {
	root := tree(t)
	r, other := recipes.NewRegistry(view(t, root), "/s"), recipes.NewRegistry(view(t, root), "/s")
	i := register(t, r, "a", recipes.WithTTL(50*time.Millisecond))
	sees(t, other, "a", "critical: no sign of life for 50ms")
	if h, note := i.Health(); h != recipes.HealthCritical || note == "" {
		t.Errorf("%s %s", h, note)
	}
	eventually(t, "passing", func() bool {
		i.Pass()
		return health(t, other, "a") == "passing"
	})
	i.Fail("the disk is full")
	sees(t, other, "a", "critical: the disk is full")
	i.Fail("the disk is on fire")
	sees(t, other, "a", "critical: the disk is on fire")
	if err := i.Close(within(t)); err != nil {
		t.Error(err)
	}
}

func TestSignsOfLifeAreNotWritten(t *testing.T) {
	c := view(t, tree(t))
	r := recipes.NewRegistry(c, "/s")
	i := register(t, r, "a", recipes.WithTTL(time.Minute))
	for range 10_000 {
		i.Pass()
	}
	i.Fail("one")
	sees(t, r, "a", "critical: one")
	i.Pass()
	sees(t, r, "a", "passing")
	if stat, _, err := c.Exists(within(t), "/s/web/a"); err != nil || stat.Version != 2 {
		t.Errorf("%d writes, %v", stat.Version, err)
	}
	if err := i.Close(within(t)); err != nil {
		t.Error(err)
	}
}

// TestInstanceIsCriticalWhateverTheNote: what does not fit would leave it passing for all others.
func TestInstanceIsCriticalWhateverTheNote(t *testing.T) {
	r := recipes.NewRegistry(view(t, tree(t)), "/s")
	large := func(n int) recipes.Service {
		return recipes.Service{Name: "web", ID: "a", Address: "a:1", Metadata: map[string]string{"m": strings.Repeat("x", n)}}
	}
	if _, err := r.Register(within(t), large(1<<20-200)); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("no room for a note: %v", err)
	}
	i, err := r.Register(within(t), large(1<<20-8<<10-200))
	must(t, err)
	for letter, want := range map[string]int{"x": 1024, "ß": 512, "€": 341, "\x00": 1024} {
		i.Fail(strings.Repeat(letter, 1<<20))
		sees(t, r, "a", "critical: "+strings.Repeat(letter, want))
	}
	must(t, i.Close(within(t)))
}

// TestRegistryHasAnIDOnce: the second instance would be the node of the first.
func TestRegistryHasAnIDOnce(t *testing.T) {
	c := view(t, tree(t))
	r := recipes.NewRegistry(c, "/s")
	again := recipes.Service{Name: "web", ID: "a", Address: "b:1"}
	first := register(t, r, "a")
	if _, err := r.Register(within(t), again); !errors.Is(err, client.ErrNodeExists) {
		t.Errorf("while it is there: %v", err)
	}
	register(t, r, "b")
	if all, err := r.Lookup(within(t), "web"); err != nil || all[0].Address != "a:80" {
		t.Errorf("%+v, %v", all, err)
	}
	must(t, first.Close(within(t)))
	must(t, register(t, r, "a").Err())
	must(t, c.Delete(within(t), "/s/web/a"))
	eventually(t, "registered again after it was lost", func() bool {
		_, err := r.Register(within(t), again)
		if err != nil && !errors.Is(err, client.ErrNodeExists) {
			t.Fatal(err)
		}
		return err == nil
	})
}

func TestInstanceEndsWhenCriticalForTooLong(t *testing.T) {
	root := tree(t)
	r, other := recipes.NewRegistry(view(t, root), "/s"), recipes.NewRegistry(view(t, root), "/s")
	i := register(t, r, "a", recipes.DeregisterAfter(50*time.Millisecond))
	if i.Fail("broken"); i.Err() != nil {
		t.Error(i.Err())
	}
	for {
		state, changed := i.State()
		if state.Final() {
			break
		}
		done(t, "the end", changed)
	}
	if err := i.Err(); !errors.Is(err, recipes.ErrUnhealthy) || !strings.Contains(err.Error(), "broken") {
		t.Error(err)
	}
	if got := health(t, other, "a"); got != "" {
		t.Error(got)
	}
	i.Pass() // too late
	if err := i.Close(within(t)); err != nil {
		t.Error(err)
	}
}

func TestInstanceThatSomebodyDeletes(t *testing.T) {
	c := view(t, tree(t))
	i := register(t, recipes.NewRegistry(c, "/s"), "a", recipes.WithTTL(time.Minute))
	if err := c.Delete(within(t), "/s/web/a"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "lost", func() bool { state, _ := i.State(); return state == client.RegistrationLost })
	if err := i.Err(); !errors.Is(err, client.ErrNoNode) {
		t.Error(err)
	}
	i.Fail("nobody cares")
	if err := i.Close(within(t)); err != nil {
		t.Error(err)
	}
}

func TestRegisterWaitsForThePreviousInstance(t *testing.T) {
	root := tree(t)
	old := recipes.NewRegistry(view(t, root), "/s")
	c := view(t, root)
	next := recipes.NewRegistry(c, "/s")
	i := register(t, old, "a")
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := next.Register(short, recipes.Service{Name: "web", ID: "a", Address: "a:1"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	came := make(chan *recipes.Instance)
	go func() {
		j, err := next.Register(within(t), recipes.Service{Name: "web", ID: "a", Address: "a:2"})
		if err != nil {
			t.Error(err)
		}
		came <- j
	}()
	if err := i.Close(within(t)); err != nil {
		t.Error(err)
	}
	j := <-came
	all, err := next.Lookup(within(t), "web")
	if err != nil || len(all) != 1 || all[0].Address != "a:2" || all[0].Session != c.Session().ID {
		t.Errorf("%+v, %v", all, err)
	}
	if err := j.Close(within(t)); err != nil {
		t.Error(err)
	}
}

func TestInstanceThroughTheEndOfItsSession(t *testing.T) {
	cluster := servertest.Start(t, 3)
	change := func(c *client.Config) { c.Renew, c.SessionTimeout = true, time.Second }
	c := cluster.Client(t, change)
	other := recipes.NewRegistry(cluster.Client(t), "/s")
	i := register(t, recipes.NewRegistry(c, "/s"), "a")
	d, err := other.Watch(within(t), "web")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	until := func(what string, condition func([]recipes.ServiceInstance) bool) {
		t.Helper()
		for {
			all, changed := d.Instances()
			if condition(all) {
				return
			}
			done(t, what, changed)
		}
	}

	// Expired: it comes back with the health that it has then.
	before := c.Session().ID
	i.Fail("busy")
	cluster.ExpireSession(before)
	until("the instance of the next session", func(all []recipes.ServiceInstance) bool {
		return len(all) == 1 && all[0].Session != before && all[0].Note == "busy"
	})

	// The whole process hangs: nobody sees it, however well it thinks it is.
	before = c.Session().ID
	cluster.HoldSession(before)
	i.Pass()
	until("the end of an instance that hangs", func(all []recipes.ServiceInstance) bool { return len(all) == 0 })
	cluster.ReleaseSession(before)
	until("its return", func(all []recipes.ServiceInstance) bool {
		return len(all) == 1 && all[0].Session != before && all[0].Health == recipes.HealthPassing
	})

	// Its server is cut off, and the leader dies.
	cluster.Kill(cluster.Leader())
	i.Fail("late")
	until("the change", func(all []recipes.ServiceInstance) bool { return len(all) == 1 && all[0].Note == "late" })
	if err := i.Close(within(t)); err != nil {
		t.Error(err)
	}
	until("the end", func(all []recipes.ServiceInstance) bool { return len(all) == 0 })
}

func TestInstanceEndsWithItsClient(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	i := register(t, recipes.NewRegistry(c, "/s"), "a", recipes.WithTTL(time.Minute))
	cluster.ExpireSession(c.Session().ID)
	eventually(t, "lost", func() bool { state, _ := i.State(); return state == client.RegistrationLost })
	if err := i.Err(); !errors.Is(err, client.ErrSessionExpired) {
		t.Error(err)
	}
	if err := i.Close(within(t)); err != nil {
		t.Error(err)
	}
}
