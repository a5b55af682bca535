package recipes_test

import (
	"errors"
	"testing"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// shows waits until a watch shows what is wanted.
func shows[T any](t *testing.T, w *recipes.ValueWatch[T], wanted func(recipes.ValueState[T]) bool) recipes.ValueState[T] {
	t.Helper()
	for {
		s, changed := w.State()
		if wanted(s) {
			return s
		}
		if err := w.Err(); err != nil {
			t.Fatal(err)
		}
		done(t, "a change", changed)
	}
}

func TestValueWatchShowsTheLatest(t *testing.T) {
	c, other := dial(t), dial(t)
	path := tree(t)
	v := recipes.NewValue[int](other, path)
	w, err := recipes.NewValue[int](c, path).Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := w.State(); s != (recipes.ValueState[int]{}) {
		t.Errorf("before it is there: %+v", s)
	}
	for i := 1; i <= 200; i++ {
		if _, err := v.Set(within(t), i); err != nil {
			t.Fatal(err)
		}
	}
	last := client.Zxid(0)
	shows(t, w, func(s recipes.ValueState[int]) bool {
		if s.Version < last {
			t.Errorf("%v after %v", s.Version, last)
		}
		last = s.Version
		return s.Value == 200
	})
	if _, err := other.Set(within(t), path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	s := shows(t, w, func(s recipes.ValueState[int]) bool { return s.Err != nil })
	if !errors.Is(s.Err, recipes.ErrInvalid) || s.Value != 0 || s.Version == 0 {
		t.Errorf("%+v", s)
	}
	if err := other.Delete(within(t), path); err != nil {
		t.Fatal(err)
	}
	shows(t, w, func(s recipes.ValueState[int]) bool { return s.Version == 0 && s.Err == nil })

	_, changed := w.State()
	w.Close()
	w.Close()
	done(t, "the end", changed)
	if !errors.Is(w.Err(), recipes.ErrReleased) {
		t.Error(w.Err())
	}
}

func TestValueWatchGoesOnInTheNextSession(t *testing.T) {
	path := tree(t)
	other := dial(t)
	v := recipes.NewValue[int](other, path)
	lasting := dial(t, func(c *client.Config) { c.Renew = true })
	mortal := dial(t)
	goesOn, err := recipes.NewValue[int](lasting, path).Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer goesOn.Close()
	ends, err := recipes.NewValue[int](mortal, path).Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	for i := 1; i <= 5; i++ {
		if err := other.KillSession(within(t), lasting.Session().ID); err != nil && !errors.Is(err, client.ErrNoSession) {
			t.Fatal(err)
		}
		if _, err := v.Set(within(t), i); err != nil {
			t.Fatal(err)
		}
		shows(t, goesOn, func(s recipes.ValueState[int]) bool { return s.Value == i })
	}
	if err := other.KillSession(within(t), mortal.Session().ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end", func() bool { return errors.Is(ends.Err(), client.ErrSessionExpired) })
	_, changed := ends.State()
	done(t, "the end", changed)
}
