package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// A worker processes the partitions that fall to it; here it is the only one, and gets all.
func ExamplePartitioner() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	orders := recipes.NewPartitioner(c, "/orders", []string{"orders-0", "orders-1", "orders-2"})
	own, err := orders.Join(ctx, "worker-1")
	if err != nil {
		panic(err)
	}
	processed := make(chan string)
	go func() {
		for p := range own.C() {
			go func() {
				// Until p.Revoked() or p.Context().Done(), and then p.Release.
				if _, err := p.Commit(ctx, client.CreateOp("/done-"+p.Name, nil)); err != nil {
					panic(err)
				}
				processed <- p.Name
			}()
		}
		close(processed)
	}()
	names := map[string]bool{}
	for range 3 {
		names[<-processed] = true
	}
	fmt.Println(names)
	if err := own.Close(ctx); err != nil {
		panic(err)
	}
	<-processed
	fmt.Println(own.Err())
	// Output:
	// map[orders-0:true orders-1:true orders-2:true]
	// assign /orders: client closed
}
