package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

// Who has the lock, and where.
func ExampleExplain() {
	c, done := exampleClient()
	defer done()
	ctx := context.Background()

	h, err := recipes.NewLock(c, "/locks/backup", recipes.WithLabel([]byte("nightly run"))).Acquire(ctx)
	if err != nil {
		panic(err)
	}
	why, err := recipes.Explain(ctx, c, "/locks/backup")
	if err != nil {
		panic(err)
	}
	fmt.Println(why.Purpose)
	for _, claim := range why.Holders() {
		fmt.Println(claim.Path, claim.Session.Name, string(claim.Data))
	}
	fmt.Println(len(why.Waiters()), "waiting")
	if err := h.Release(ctx); err != nil {
		panic(err)
	}
	// Output:
	// lock
	// /locks/backup/lock-0000000000 example nightly run
	// 0 waiting
}
