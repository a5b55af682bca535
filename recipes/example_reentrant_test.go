package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

// What Curator's InterProcessMutex does for a thread: a function that needs the lock calls another one that needs it too.
func ExampleReentrantLock() {
	c, closeClient := exampleClient()
	defer closeClient()
	lock := recipes.NewReentrantLock(c, "/locks/account")

	withdraw := func(ctx context.Context) (*recipes.ReentrantHold, error) {
		h, err := lock.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		defer h.Release(context.WithoutCancel(ctx))
		// …
		return h, nil
	}
	transfer := func(ctx context.Context) error {
		h, err := lock.Acquire(ctx)
		if err != nil {
			return err
		}
		defer h.Release(context.WithoutCancel(ctx))
		inner, err := withdraw(h.With(ctx)) // the context says who is asking
		if err != nil {
			return err
		}
		fmt.Println("the same lock:", inner.Fence() == h.Fence())
		fmt.Println("inner:", inner.Err())
		fmt.Println("outer:", h.Err())
		return nil
	}
	if err := transfer(context.Background()); err != nil {
		panic(err)
	}
	// Output:
	// the same lock: true
	// inner: released
	// outer: <nil>
}
