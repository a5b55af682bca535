package recipes_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

type settings struct {
	Primary string
	Term    int
}

func TestValueHasOnlyItsNode(t *testing.T) {
	c := dial(t)
	root := tree(t)
	text := recipes.NewValue[string](c, root+"/a/text")
	raw := recipes.NewValue[[]byte](c, root+"/raw")
	typed := recipes.NewValue[settings](c, root+"/typed")

	if v, version, err := typed.Get(within(t)); v != (settings{}) || version != 0 || err != nil {
		t.Errorf("none: %v %v %v", v, version, err)
	}
	if _, err := text.Set(within(t), "down\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Set(within(t), []byte{0, 1}); err != nil {
		t.Fatal(err)
	}
	wrote, err := typed.Set(within(t), settings{"db-3", 7})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/a/text": "down\n", "/raw": "\x00\x01", "/typed": `{"Primary":"db-3","Term":7}`} {
		if n, err := c.Get(within(t), root+path); err != nil || string(n.Data) != want {
			t.Errorf("%s: %q %v", path, n.Data, err)
		}
	}
	if v, _, err := text.Get(within(t)); v != "down\n" || err != nil {
		t.Errorf("%q %v", v, err)
	}
	if v, _, err := raw.Get(within(t)); !bytes.Equal(v, []byte{0, 1}) || err != nil {
		t.Errorf("%q %v", v, err)
	}
	if v, version, err := typed.Get(within(t)); v != (settings{"db-3", 7}) || version != wrote || err != nil {
		t.Errorf("%v %v %v", v, version, err)
	}
}

func TestValueIsOnlyReplacedIfItIsStillTheOneThatWasRead(t *testing.T) {
	c := dial(t)
	path := tree(t)
	v := recipes.NewValue[string](c, path)
	first, swapped, err := v.CompareAndSet(within(t), 0, "a")
	if !swapped || err != nil {
		t.Fatal(swapped, err)
	}
	if now, swapped, err := v.CompareAndSet(within(t), 0, "b"); swapped || now != first || err != nil {
		t.Errorf("there is one: %v %v %v", now, swapped, err)
	}
	// Deleted and made again, with the same data and the same number of sets.
	if err := c.Delete(within(t), path); err != nil {
		t.Fatal(err)
	}
	if now, swapped, err := v.CompareAndSet(within(t), first, "b"); swapped || now != 0 || err != nil {
		t.Errorf("there is none: %v %v %v", now, swapped, err)
	}
	second, err := v.Set(within(t), "a")
	if err != nil || second <= first {
		t.Fatal(second, err)
	}
	if now, swapped, err := v.CompareAndSet(within(t), first, "b"); swapped || now != second || err != nil {
		t.Errorf("it is another one: %v %v %v", now, swapped, err)
	}
	third, swapped, err := v.CompareAndSet(within(t), second, "c")
	if !swapped || third <= second || err != nil {
		t.Errorf("%v %v %v", third, swapped, err)
	}
}

func TestValueUpdateLosesNoChange(t *testing.T) {
	const clients, each = 6, 20
	path := tree(t)
	var all sync.WaitGroup
	for range clients {
		v := recipes.NewValue[settings](dial(t), path)
		all.Go(func() {
			for range each {
				if _, _, err := v.Update(within(t), func(s settings) (settings, error) {
					s.Term++
					return s, nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	v := recipes.NewValue[settings](dial(t), path)
	if got, _, err := v.Get(within(t)); got.Term != clients*each || err != nil {
		t.Errorf("%v %v", got, err)
	}

	no := errors.New("no")
	before, version, _ := v.Get(within(t))
	if _, _, err := v.Update(within(t), func(s settings) (settings, error) { return settings{}, no }); !errors.Is(err, no) {
		t.Errorf("refused: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := v.Update(over, func(s settings) (settings, error) { return settings{}, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if after, now, err := v.Get(within(t)); after != before || now != version || err != nil {
		t.Errorf("%v at %v became %v at %v: %v", before, version, after, now, err)
	}
}

// Each version is followed by one other at most, whoever writes, deletes and makes anew.
func TestValueVersionsAreOneChain(t *testing.T) {
	const clients, steps = 5, 40
	path := tree(t)
	var mu sync.Mutex
	followed := map[client.Zxid]client.Zxid{}
	var all sync.WaitGroup
	for i := range clients {
		c := dial(t)
		v := recipes.NewValue[int](c, path)
		random := rand.New(rand.NewPCG(4, uint64(i)))
		all.Go(func() {
			_, version, err := v.Get(within(t))
			for range steps {
				switch random.IntN(8) {
				case 0:
					if err := c.Delete(within(t), path); err != nil && !errors.Is(err, client.ErrNoNode) {
						t.Error(err)
					}
				case 1:
					version, err = v.Set(within(t), random.IntN(3))
				case 2:
					_, version, err = v.Get(within(t))
				default:
					old, swapped := version, false
					version, swapped, err = v.CompareAndSet(within(t), old, random.IntN(3))
					mu.Lock()
					if other, twice := followed[old]; swapped && old != 0 && twice {
						t.Errorf("%v was replaced by %v and %v", old, other, version)
					}
					if swapped {
						followed[old] = version
					}
					mu.Unlock()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestValueOfAStranger(t *testing.T) {
	c := dial(t)
	path := tree(t)
	v := recipes.NewValue[settings](c, path)
	if _, _, err := c.Create(within(t), path, nil); err != nil {
		t.Fatal(err)
	}
	if got, version, err := v.Get(within(t)); got != (settings{}) || version == 0 || err != nil {
		t.Errorf("no data: %v %v %v", got, version, err)
	}
	stat, err := c.Set(within(t), path, []byte("{"))
	if err != nil {
		t.Fatal(err)
	}
	if _, version, err := v.Get(within(t)); !errors.Is(err, recipes.ErrInvalid) || version != stat.Mzxid {
		t.Errorf("%v %v", version, err)
	}
	if _, _, err := v.Update(within(t), func(s settings) (settings, error) { return s, nil }); !errors.Is(err, recipes.ErrInvalid) {
		t.Error(err)
	}
	if _, swapped, err := v.CompareAndSet(within(t), stat.Mzxid, settings{Term: 1}); !swapped || err != nil {
		t.Errorf("mended: %v %v", swapped, err)
	}
	if _, err := recipes.NewValue[chan int](c, path).Set(within(t), nil); !errors.Is(err, recipes.ErrInvalid) {
		t.Errorf("a channel: %v", err)
	}
}
