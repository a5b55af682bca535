package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

func ExampleSequencer() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	ids := recipes.NewSequencer(c, "/ids/orders")
	fmt.Println(ids.Next(ctx))
	fmt.Println(ids.Next(ctx))
	fmt.Println(ids.NextN(ctx, 500)) // 3 to 502
	fmt.Println(ids.Next(ctx))
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
	// 503 <nil>
}
