package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

type limits struct {
	Rate int `json:"rate"`
}

func positive(l limits) error {
	if l.Rate <= 0 {
		return errors.New("the rate is not positive")
	}
	return nil
}

var errNotNow = errors.New("not now")

// configs returns a config and the client that a stranger uses on its nodes.
func configs(t *testing.T, options ...recipes.ConfigOption[limits]) (*recipes.Config[limits], *client.Client) {
	t.Helper()
	c := view(t, tree(t))
	return recipes.NewConfig(c, "/c", append(options, recipes.WithValidation(positive))...), c
}

func TestConfigHasVersionsFromOne(t *testing.T) {
	cf, c := configs(t)
	if _, err := cf.Get(within(t)); !errors.Is(err, recipes.ErrNoVersion) {
		t.Errorf("before the first: %v", err)
	}
	for i := range int64(3) {
		v, err := cf.Set(within(t), limits{int(i) + 10}, recipes.WithComment(fmt.Sprint("comment ", i)))
		if err != nil || v.Version != i+1 {
			t.Fatalf("set: %+v, %v", v, err)
		}
		got, err := cf.Get(within(t))
		if err != nil || got != v {
			t.Errorf("get: %+v, %v; set: %+v", got, err, v)
		}
	}
	data, err := c.Get(within(t), "/c")
	if err != nil || string(data.Data) != `{"rate":12}` {
		t.Errorf("as others see it: %s, %v", data.Data, err)
	}
	old, err := cf.At(within(t), 2)
	if err != nil || old.Value.Rate != 11 || old.Comment != "comment 1" || old.By != c.Session().ID {
		t.Errorf("version 2: %+v, %v", old, err)
	}
	if _, err := cf.At(within(t), 4); !errors.Is(err, recipes.ErrNoVersion) {
		t.Errorf("version 4: %v", err)
	}
}

func TestConfigRefusesWhatIsNotGood(t *testing.T) {
	cf, c := configs(t)
	if _, err := cf.Set(within(t), limits{}); !errors.Is(err, recipes.ErrInvalid) || !strings.Contains(err.Error(), "not positive") {
		t.Errorf("set: %v", err)
	}
	if _, there, err := c.Exists(within(t), "/c"); there || err != nil {
		t.Errorf("something was written: %v, %v", there, err)
	}
	if _, err := cf.Set(within(t), limits{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := cf.Update(within(t), func(l limits) (limits, error) { return limits{l.Rate - 1}, nil }); !errors.Is(err, recipes.ErrInvalid) {
		t.Errorf("update: %v", err)
	}
	if _, err := cf.Update(within(t), func(limits) (limits, error) { return limits{7}, errNotNow }); !errors.Is(err, errNotNow) {
		t.Errorf("update that fails: %v", err)
	}
	large := recipes.NewConfig[string](c, "/large")
	if _, err := large.Set(within(t), strings.Repeat("x", 1<<20)); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if v, err := large.Set(within(t), strings.Repeat("x", 1<<20-300)); err != nil || v.Version != 1 {
		t.Errorf("as large as can be: version %d, %v", v.Version, err)
	}
	if v, err := cf.Get(within(t)); err != nil || v.Version != 1 || v.Value.Rate != 1 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestConfigRollbackGoesForward(t *testing.T) {
	cf, _ := configs(t)
	for rate := 1; rate <= 3; rate++ {
		if _, err := cf.Set(within(t), limits{rate}); err != nil {
			t.Fatal(err)
		}
	}
	v, err := cf.Rollback(within(t), 1)
	if err != nil || v.Version != 4 || v.Value.Rate != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := cf.Rollback(within(t), 9); !errors.Is(err, recipes.ErrNoVersion) {
		t.Errorf("to what never was: %v", err)
	}
	all, err := cf.History(within(t))
	if err != nil || len(all) != 4 || all[0].Version != 4 || all[0].Comment != "rollback to version 1" || all[0].Zxid != v.Zxid {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestConfigHistoryIsBounded(t *testing.T) {
	cf, c := configs(t, recipes.WithHistory[limits](3))
	for rate := 1; rate <= 10; rate++ {
		if _, err := cf.Set(within(t), limits{rate}); err != nil {
			t.Fatal(err)
		}
	}
	if names, _, err := c.Children(within(t), "/c"); err != nil || !slices.Equal(names, []string{"v-0000000008", "v-0000000009", "v-0000000010"}) {
		t.Errorf("%v, %v", names, err)
	}
}

func TestConfigChangeThatExpectsAVersion(t *testing.T) {
	cf, c := configs(t)
	first, err := cf.Set(within(t), limits{1}, recipes.IfCurrent(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cf.Set(within(t), limits{2}, recipes.IfCurrent(0)); !errors.Is(err, client.ErrMismatch) {
		t.Errorf("expecting none: %v", err)
	}
	if _, err := cf.Set(within(t), limits{2}, recipes.IfCurrent(first.Zxid)); err != nil {
		t.Error(err)
	}
	if _, err := cf.Rollback(within(t), 1, recipes.IfCurrent(first.Zxid)); !errors.Is(err, client.ErrMismatch) {
		t.Errorf("expecting the one before: %v", err)
	}
	// The same version number, another value: deleted and made again.
	if _, err := c.DeleteTree(within(t), "/c"); err != nil {
		t.Fatal(err)
	}
	again, err := cf.Set(within(t), limits{3})
	if err != nil || again.Version != 1 || again.Zxid <= first.Zxid {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := cf.Set(within(t), limits{4}, recipes.IfCurrent(first.Zxid)); !errors.Is(err, client.ErrMismatch) {
		t.Errorf("expecting what had the same number: %v", err)
	}
}

func TestConfigTakesAStrangersValueOver(t *testing.T) {
	cf, c := configs(t)
	stranger := func(data string) {
		t.Helper()
		if _, err := c.Set(within(t), "/c", []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := c.Create(within(t), "/c", []byte(`{ "rate" : 5 }`), client.Parents()); err != nil {
		t.Fatal(err)
	}
	if v, err := cf.Get(within(t)); err != nil || v.Version != 1 || v.Value.Rate != 5 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := cf.Set(within(t), limits{6}); err != nil || v.Version != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	stranger(`{"rate":7}`)
	if v, err := cf.Get(within(t)); err != nil || v.Version != 3 || v.Value.Rate != 7 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := cf.Rollback(within(t), 1); err != nil || v.Version != 4 || v.Value.Rate != 5 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := cf.At(within(t), 3); err != nil || v.Value.Rate != 7 || v.By != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	stranger(`rate: 8`)
	if v, err := cf.Get(within(t)); !errors.Is(err, recipes.ErrInvalid) || v.Version != 5 {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := cf.Update(within(t), func(l limits) (limits, error) { return l, nil }); !errors.Is(err, recipes.ErrInvalid) {
		t.Errorf("update: %v", err)
	}
	if v, err := cf.Set(within(t), limits{9}); err != nil || v.Version != 6 {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := cf.At(within(t), 5); !errors.Is(err, recipes.ErrNoVersion) {
		t.Errorf("what is no JSON was kept: %v", err)
	}
}

func TestConfigKeepsItsNumbersWhenItsNodesAreTouched(t *testing.T) {
	cf, c := configs(t)
	for rate := 1; rate <= 4; rate++ {
		if _, err := cf.Set(within(t), limits{rate}); err != nil {
			t.Fatal(err)
		}
	}
	at := func(where *recipes.Config[limits], version int64, rate int) {
		t.Helper()
		if v, err := where.Get(within(t)); err != nil || v.Version != version || v.Value.Rate != rate {
			t.Errorf("%+v, %v; want version %d, rate %d", v, err, version, rate)
		}
	}
	if err := c.Delete(within(t), "/c/v-0000000002"); err != nil {
		t.Fatal(err)
	}
	at(cf, 4, 4)
	nested := recipes.NewConfig[string](c, "/c/nested")
	if v, err := nested.Set(within(t), "a"); err != nil || v.Version != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	at(cf, 4, 4)
	if _, err := c.Set(within(t), "/c", []byte(`{"rate":5}`)); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(within(t), "/c/v-0000000001"); err != nil {
		t.Fatal(err)
	}
	at(cf, 5, 5)
	moved := recipes.NewConfig(c, "/m", recipes.WithValidation(positive))
	if _, err := cf.Set(within(t), limits{6}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.MoveTree(within(t), "/c", "/m"); err != nil {
		t.Fatal(err)
	}
	at(moved, 6, 6)
	if v, err := moved.Rollback(within(t), 3); err != nil || v.Version != 7 || v.Value.Rate != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	// A node that is only a parent has no value yet.
	if _, err := recipes.NewConfig[string](c, "/p/q").Set(within(t), "a"); err != nil {
		t.Fatal(err)
	}
	parent := recipes.NewConfig[string](c, "/p")
	if _, err := parent.Get(within(t)); !errors.Is(err, recipes.ErrNoVersion) {
		t.Errorf("parent: %v", err)
	}
	if v, err := parent.Set(within(t), "b", recipes.IfCurrent(0)); err != nil || v.Version != 1 {
		t.Errorf("parent: %+v, %v", v, err)
	}
}

// TestConfigVersionsOfStrangersKeepTheirZxid: also in the history, so that no other value can be taken for one of them.
func TestConfigVersionsOfStrangersKeepTheirZxid(t *testing.T) {
	cf, c := configs(t)
	var by recipes.Versioned[limits]
	for _, data := range []string{`{"rate":1}`, `{"rate":2}`} {
		_, err := c.Txn(within(t), client.If(client.CheckOp("/c")).Then(client.SetOp("/c", []byte(data))).
			Else(client.CreateOp("/c", []byte(data), client.Parents())))
		must(t, err)
		by, err = cf.Get(within(t))
		must(t, err)
	}
	_, err := cf.Set(within(t), limits{3})
	must(t, err)
	kept, err := cf.At(within(t), 1)
	if err != nil || kept.Value != by.Value || kept.Zxid != by.Zxid || !kept.Time.Equal(by.Time) {
		t.Errorf("%+v, %v; it was %+v", kept, err, by)
	}
	if _, err := cf.Set(within(t), limits{4}, recipes.IfCurrent(kept.Zxid)); !errors.Is(err, client.ErrMismatch) {
		t.Errorf("expecting a stranger's: %v", err)
	}
}

// TestConfigFindsAStrangersValue: also one that came together with another child, or was copied together with the history.
func TestConfigFindsAStrangersValue(t *testing.T) {
	cf, c := configs(t)
	for rate := 1; rate <= 2; rate++ {
		_, err := cf.Set(within(t), limits{rate})
		must(t, err)
	}
	_, err := c.Multi(within(t), client.SetOp("/c", []byte(`{"rate":3}`)), client.CreateOp("/c/nested", []byte("x")))
	must(t, err)
	_, _, err = c.CopyTree(within(t), "/c", "/copy")
	must(t, err)
	copied := recipes.NewConfig(c, "/copy", recipes.WithValidation(positive))
	for _, cf := range []*recipes.Config[limits]{cf, copied} {
		if v, err := cf.Get(within(t)); err != nil || v.Version != 3 || v.Value.Rate != 3 {
			t.Errorf("%+v, %v", v, err)
		}
		if v, err := cf.Set(within(t), limits{4}); err != nil || v.Version != 4 {
			t.Errorf("%+v, %v", v, err)
		}
		if v, err := cf.At(within(t), 3); err != nil || v.Value.Rate != 3 {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

func TestConfigCallsEndWithTheirContext(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	cf := recipes.NewConfig[limits](c, "/c")
	if _, err := cf.Set(within(t), limits{1}); err != nil {
		t.Fatal(err)
	}
	cluster.Pause(0)
	defer cluster.Resume(0)
	ctx, cancel := context.WithCancelCause(t.Context())
	errs := make(chan error)
	go func() {
		_, err := cf.Set(ctx, limits{2})
		errs <- err
	}()
	go func() {
		_, err := cf.Watch(ctx)
		errs <- err
	}()
	cancel(errNotNow)
	for range 2 {
		if err := <-errs; !errors.Is(err, errNotNow) {
			t.Error(err)
		}
	}
}
