package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// A cache is a picture of a tree that is always complete, and never asks the service.
func ExampleCache() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()
	c.Create(ctx, "/routes", nil)
	c.Create(ctx, "/routes/api", []byte("10.0.0.1"))

	cache, err := recipes.NewCache(ctx, c, "/routes")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cache.Close()
	before, _ := cache.View()

	// Two routes change at once: no view shows one without the other.
	var zxid client.Zxid
	c.Multi(ctx,
		client.SetOp("/routes/api", []byte("10.0.0.2"), client.WithZxid(&zxid)),
		client.CreateOp("/routes/web", []byte("10.0.0.3")))
	if err := cache.Wait(ctx, zxid); err != nil {
		fmt.Println(err)
		return
	}
	after, _ := cache.View()

	for name, view := range map[string]recipes.View{"before": before, "after": after} {
		for route := range view.Children("/routes") {
			fmt.Printf("%s: %s=%s\n", name, route.Path, route.Data)
		}
	}
	// Unordered output:
	// before: /routes/api=10.0.0.1
	// after: /routes/api=10.0.0.2
	// after: /routes/web=10.0.0.3
}

// Changes are told one by one, behind the view that they begin with.
func ExampleCache_Changes() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()
	c.Create(ctx, "/jobs", nil)
	cache, err := recipes.NewCache(ctx, c, "/jobs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cache.Close()
	changes := cache.Changes()
	defer changes.Close()

	c.Create(ctx, "/jobs/a", []byte("todo"))
	c.Set(ctx, "/jobs/a", []byte("done"))
	c.Delete(ctx, "/jobs/a")

	for change := range changes.C() {
		switch change.Type {
		case recipes.Reset: // the first one; and again if this loop does not keep up
			fmt.Println("all:", change.View.Len(), "node")
		case recipes.Created:
			fmt.Printf("%s: %s\n", change.New.Path, change.New.Data)
		case recipes.Updated:
			fmt.Printf("%s: %s, was %s\n", change.New.Path, change.New.Data, change.Old.Data)
		case recipes.Deleted:
			fmt.Println(change.Old.Path, "is gone")
			return
		}
	}
	// Output:
	// all: 1 node
	// /jobs/a: todo
	// /jobs/a: done, was todo
	// /jobs/a is gone
}
