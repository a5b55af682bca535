package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

// A holder that was away for too long acts once more, after the next one has acted. The gate in front of the file lets it not.
func ExampleFenceGate() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	var file []string // stands for what knows nothing of locks
	gate := recipes.NewMemoryGate(0)
	write := func(h *recipes.Hold, line string) {
		err := gate.Do(ctx, "file", h.Fence(), func() error {
			file = append(file, line)
			return nil
		})
		fmt.Println(line, "is written:", err == nil)
	}

	lock := recipes.NewLock(c, "/locks/file")
	first, err := lock.Acquire(ctx)
	if err != nil {
		panic(err)
	}
	write(first, "A")

	// What a pause does: the service takes the lock away, and the first one has not noticed.
	if err := c.Delete(ctx, first.Path()); err != nil {
		panic(err)
	}
	second, err := lock.Acquire(ctx)
	if err != nil {
		panic(err)
	}
	write(second, "B")
	write(first, "C")

	fmt.Println(file)
	if err := second.Release(ctx); err != nil {
		panic(err)
	}
	if err := first.Release(ctx); err != nil {
		panic(err)
	}
	// Output:
	// A is written: true
	// B is written: true
	// C is written: false
	// [A B]
}
