package recipes_test

import (
	"errors"
	"testing"

	"github.com/coxswain-io/coxswain/recipes"
)

// A hold that was waited for goes on with the watch of the wait. It ends when its node is deleted, also if something else has
// happened to the node before, which uses that watch up.
func TestAHoldThatWasWaitedForEndsWithItsNode(t *testing.T) {
	for _, changed := range []bool{false, true} {
		root := tree(t)
		watcher := view(t, root)
		h := acquire(t, recipes.NewLock(view(t, root), "/l"))
		grants := queueUp(t, t.Context(), watcher, "/l", recipes.NewLock(view(t, root), "/l"))
		release(t, h)
		h = granted(t, grants).hold
		if changed {
			if _, err := watcher.Set(within(t), h.Path(), []byte("changed")); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Err(); err != nil {
			t.Errorf("changed %v: %v", changed, err)
		}
		if err := watcher.Delete(within(t), h.Path()); err != nil {
			t.Fatal(err)
		}
		done(t, "the loss is noticed", h.Context().Done())
		if err := cause(h); !errors.Is(err, recipes.ErrLost) {
			t.Errorf("changed %v: %v, want ErrLost", changed, err)
		}
		release(t, h)
	}
}
