package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

// Readers wait until an import is complete.
func ExampleBarrier() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	barrier := recipes.NewBarrier(c, "/barriers/import")
	if err := barrier.Raise(ctx); err != nil {
		panic(err)
	}
	imported := make(chan string, 1)
	read := make(chan error)
	go func() {
		err := barrier.Wait(ctx)
		fmt.Println("read:", <-imported)
		read <- err
	}()
	imported <- "everything"
	if err := barrier.Lift(ctx); err != nil {
		panic(err)
	}
	if err := <-read; err != nil {
		panic(err)
	}
	// Output: read: everything
}
