package recipes_test

import (
	"context"
	"fmt"
	"math"

	"github.com/coxswain-io/coxswain/recipes"
)

func ExampleCounter() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	orders := recipes.NewCounter(c, "/stats/orders")
	fmt.Println(orders.Add(ctx, 3))
	fmt.Println(orders.Add(ctx, -1))
	fmt.Println(orders.CompareAndSet(ctx, 2, 40))
	fmt.Println(orders.CompareAndSet(ctx, 2, 50))
	fmt.Println(orders.Add(ctx, math.MaxInt64))
	fmt.Println(orders.Get(ctx))
	// Output:
	// 3 <nil>
	// 2 <nil>
	// 40 true <nil>
	// 40 false <nil>
	// 0 add /stats/orders: overflow: 40 and 9223372036854775807
	// 40 <nil>
}
