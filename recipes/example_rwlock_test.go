package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

// A writer publishes something and goes on as a reader of it, together with others.
func ExampleRWLock() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	lock := recipes.NewRWLock(c, "/locks/catalog")
	writer, err := lock.Write(ctx)
	if err != nil {
		panic(err)
	}
	_, err = lock.TryRead(ctx)
	fmt.Println(err)

	if err := writer.Downgrade(ctx); err != nil {
		panic(err)
	}
	reader, err := lock.TryRead(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println("both read:", writer.Err() == nil && reader.Err() == nil)
	_, err = lock.TryWrite(ctx)
	fmt.Println(err)

	if err := writer.Release(ctx); err != nil {
		panic(err)
	}
	if err := reader.Release(ctx); err != nil {
		panic(err)
	}
	// Output:
	// lock /locks/catalog: held by another: a writer is ahead
	// both read: true
	// lock /locks/catalog: held by another: 2 in line
}
