package recipes_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// TestConfigAgainstAList lets several clients set, update and roll back at random, while a stranger writes and one config
// prunes more than the others, and then compares what they were told, in the order of the zxids, with a list of values.
func TestConfigAgainstAList(t *testing.T) {
	root := tree(t)
	const workers, steps = 5, 25
	var mu sync.Mutex
	told := map[client.Zxid]recipes.Versioned[limits]{}
	rollbacks := map[client.Zxid]int64{} // to which version
	note := func(v recipes.Versioned[limits], to int64) {
		mu.Lock()
		defer mu.Unlock()
		if other, was := told[v.Zxid]; was {
			t.Errorf("one transaction, two values: %+v, %+v", v, other)
		}
		told[v.Zxid] = v
		if to > 0 {
			rollbacks[v.Zxid] = to
		}
	}
	watch, err := recipes.NewConfig(view(t, root), "/c", recipes.WithValidation(positive)).Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	ctx := within(t)
	var all sync.WaitGroup
	for n := range workers {
		c := view(t, root)
		cf := recipes.NewConfig(c, "/c", recipes.WithHistory[limits](8-n/4), recipes.WithValidation(positive))
		random := rand.New(rand.NewPCG(uint64(n), 7))
		all.Go(func() {
			for step := range steps {
				switch mine := (n+1)*1000 + step; random.IntN(4) {
				case 0:
					to := int64(1 + random.IntN(workers*step+1))
					v, err := cf.Rollback(ctx, to)
					if err == nil {
						note(v, to)
					} else if !errors.Is(err, recipes.ErrNoVersion) {
						t.Error(err)
					}
				case 1:
					var before limits
					v, err := cf.Update(ctx, func(l limits) (limits, error) {
						before = l
						return limits{l.Rate + 1}, nil
					})
					if err != nil || v.Value.Rate != before.Rate+1 {
						t.Errorf("update: %+v, %v", v, err)
					}
					note(v, 0)
				case 2: // the stranger
					var z client.Zxid
					data, _ := json.Marshal(limits{mine})
					switch _, err := c.Set(ctx, "/c", data, client.WithZxid(&z)); {
					case err == nil:
						note(recipes.Versioned[limits]{Value: limits{mine}, Zxid: z}, 0)
					case !errors.Is(err, client.ErrNoNode):
						t.Error(err)
					}
				default:
					v, err := cf.Set(ctx, limits{mine})
					if err != nil {
						t.Error(err)
					}
					note(v, 0)
				}
			}
		})
	}
	all.Wait()
	inOrder := make([]recipes.Versioned[limits], 0, len(told))
	for _, v := range told {
		inOrder = append(inOrder, v)
	}
	slices.SortFunc(inOrder, func(a, b recipes.Versioned[limits]) int { return cmp.Compare(a.Zxid, b.Zxid) })
	values := map[int64]limits{} // the list: a stranger's values that nobody has taken over share one number, and the last one counts
	zxids := map[int64]client.Zxid{}
	newest := int64(0)
	for i, v := range inOrder {
		if v.Version == 0 {
			v.Version = newest + 1
			if i > 0 && inOrder[i-1].Version == 0 {
				v.Version = newest
			}
		} else if v.Version != newest+1 {
			t.Fatalf("version %d after %d", v.Version, newest)
		}
		if to := rollbacks[v.Zxid]; to > 0 && values[to] != v.Value {
			t.Errorf("rollback to %d gave %+v, which was %+v", to, v.Value, values[to])
		}
		newest = v.Version
		values[newest], zxids[newest] = v.Value, v.Zxid
	}
	last := inOrder[len(inOrder)-1]
	cf := recipes.NewConfig(view(t, root), "/c", recipes.WithValidation(positive))
	if got, err := cf.Get(ctx); err != nil || got.Version != newest || got.Value != values[newest] || got.Zxid != last.Zxid {
		t.Errorf("at the end: %+v, %v; want version %d of %v", got, err, newest, last.Zxid)
	}
	kept, err := cf.History(ctx)
	if err != nil || len(kept) < 5 || len(kept) > 9 {
		t.Errorf("%d are kept, %v", len(kept), err)
	}
	for _, v := range kept {
		if v.Err != nil || v.Value != values[v.Version] || v.Zxid != zxids[v.Version] {
			t.Errorf("in the history: %+v; want %+v", v, values[v.Version])
		}
	}
	follow(t, watch, func(v recipes.Versioned[limits]) bool { return v.Zxid == last.Zxid })
}
