package recipes_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// discover returns a Discovery that sees n instances, "i0", "i1" and so on.
func discover(t *testing.T, n int) (*recipes.Discovery, []*recipes.Instance) {
	t.Helper()
	root := tree(t)
	r := recipes.NewRegistry(view(t, root), "/s")
	d, err := recipes.NewRegistry(view(t, root), "/s").Watch(within(t), "web")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	instances := make([]*recipes.Instance, n)
	for i := range instances {
		instances[i] = register(t, r, fmt.Sprint("i", i))
		t.Cleanup(func() { _ = instances[i].Close(within(t)) })
	}
	passing(t, d, n)
	return d, instances
}

// passing waits until n instances pass.
func passing(t *testing.T, d *recipes.Discovery, n int) {
	t.Helper()
	for {
		all, changed := d.Instances()
		found := 0
		for _, i := range all {
			if i.Health == recipes.HealthPassing {
				found++
			}
		}
		if found == n {
			return
		}
		done(t, fmt.Sprint(n, " instances pass"), changed)
	}
}

func chosen(t *testing.T, d *recipes.Discovery, s recipes.Strategy) string {
	t.Helper()
	i, err := d.Choose(s)
	if err != nil {
		t.Fatal(err)
	}
	return i.ID
}

func TestChooseNeedsAnInstance(t *testing.T) {
	d, instances := discover(t, 1)
	instances[0].Fail("no")
	passing(t, d, 0)
	for _, s := range []recipes.Strategy{recipes.RoundRobin(), recipes.Random(), recipes.Sticky("a")} {
		if _, err := d.Choose(s); !errors.Is(err, recipes.ErrNoInstance) {
			t.Error(err)
		}
	}
	if all, _ := d.Instances(); len(all) != 1 || all[0].Note != "no" {
		t.Errorf("%+v", all)
	}
	d.Close()
	done(t, "the end", d.Done())
	if err := d.Err(); !errors.Is(err, client.ErrClosed) {
		t.Error(err)
	}
}

func TestRoundRobinTakesTurns(t *testing.T) {
	d, instances := discover(t, 3)
	instances[1].Fail("no")
	passing(t, d, 2)
	counts := map[string]int{}
	for range 10 {
		counts[chosen(t, d, recipes.RoundRobin())]++
	}
	if counts["i0"] != 5 || counts["i2"] != 5 {
		t.Error(counts)
	}
}

func TestRandomTakesAll(t *testing.T) {
	d, _ := discover(t, 3)
	counts := map[string]int{}
	for range 3000 {
		counts[chosen(t, d, recipes.Random())]++
	}
	for i := range 3 { // 1000 each, with a standard deviation of 26
		if n := counts[fmt.Sprint("i", i)]; n < 800 || n > 1200 {
			t.Error(counts)
		}
	}
}

func TestStickyMovesTheKeysOfThoseWhoLeave(t *testing.T) {
	d, instances := discover(t, 5)
	const keys = 2000
	before := map[string]string{}
	counts := map[string]int{}
	for i := range keys {
		key := fmt.Sprint("user-", i)
		before[key] = chosen(t, d, recipes.Sticky(key))
		counts[before[key]]++
		if again := chosen(t, d, recipes.Sticky(key)); again != before[key] {
			t.Fatalf("%s: %s, then %s", key, before[key], again)
		}
	}
	for id, n := range counts {
		if n < keys/5*3/4 || n > keys/5*5/4 {
			t.Errorf("%s has %d of %d keys", id, n, keys)
		}
	}
	instances[2].Fail("no")
	passing(t, d, 4)
	for key, id := range before {
		if now := chosen(t, d, recipes.Sticky(key)); now == "i2" || id != "i2" && now != id {
			t.Errorf("%s: %s, then %s", key, id, now)
		}
	}
	instances[2].Pass()
	passing(t, d, 5)
	for key, id := range before {
		if now := chosen(t, d, recipes.Sticky(key)); now != id {
			t.Errorf("%s: %s, and in the end %s", key, id, now)
		}
	}
}

func BenchmarkChooseSticky(b *testing.B) {
	c := dial(b)
	r := recipes.NewRegistry(c, tree(b))
	const n = 100
	for i := range n {
		if _, err := r.Register(b.Context(), recipes.Service{Name: "web", ID: fmt.Sprint("i", i), Address: "a:1"}); err != nil {
			b.Fatal(err)
		}
	}
	d, err := r.Watch(b.Context(), "web")
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for b.Loop() {
		if _, err := d.Choose(recipes.Sticky("user-42")); err != nil {
			b.Fatal(err)
		}
	}
}
