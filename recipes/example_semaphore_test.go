package recipes_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

// At most three units of work at a time, whichever processes do it, as with `consul lock -n 3`.
func ExampleSemaphore() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	three := recipes.NewSemaphore(c, "/workers", 3)
	two, err := three.Acquire(ctx, 2)
	if err != nil {
		panic(err)
	}
	_, err = three.TryAcquire(ctx, 2)
	fmt.Println(err)
	one, err := three.TryAcquire(ctx, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println("later grants have greater fences:", one.Fence() > two.Fence())

	// A process that was configured with another number is told so, and gets nothing.
	_, err = recipes.NewSemaphore(c, "/workers", 5).Acquire(ctx, 1)
	fmt.Println(err)
	told, ok := errors.AsType[*recipes.PermitsError](err)
	fmt.Println(ok, told.Asked, told.Set)

	for _, h := range []*recipes.Hold{one, two} {
		if err := h.Release(ctx); err != nil {
			panic(err)
		}
	}
	// Output:
	// semaphore /workers: held by another: 2 of 3 permits are out
	// later grants have greater fences: true
	// semaphore /workers: 3 permits are set, not 5
	// true 5 3
}

// The number of permits is changed while they are in use; processes that were told none go by it.
func ExampleSemaphore_SetPermits() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	pool := recipes.NewSemaphore(c, "/pool", 0)
	if err := pool.SetPermits(ctx, 1); err != nil {
		panic(err)
	}
	h, err := pool.Acquire(ctx, 1)
	if err != nil {
		panic(err)
	}
	defer h.Release(ctx)
	_, err = pool.Acquire(ctx, 2)
	fmt.Println(err)

	if err := pool.SetPermits(ctx, 3); err != nil {
		panic(err)
	}
	more, err := pool.Acquire(ctx, 2)
	if err != nil {
		panic(err)
	}
	defer more.Release(ctx)
	fmt.Println(more.Err())
	// Output:
	// semaphore /pool: too many: 2 of 1 permits
	// <nil>
}
