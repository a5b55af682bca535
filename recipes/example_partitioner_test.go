package recipes_test

import (
	"context"
	"fmt"
	"time"

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
				defer p.Release(ctx)
				if _, err := p.Commit(ctx, client.CreateOp("/done-"+p.Name, nil)); err != nil {
					panic(err)
				}
				processed <- p.Name
				select { // nothing else to do
				case <-p.Revoked():
				case <-p.Context().Done():
				}
			}()
		}
		close(processed)
	}()
	names := map[string]bool{}
	for range 3 {
		names[<-processed] = true
	}
	fmt.Println(names)
	leaving, cancel := context.WithTimeout(ctx, time.Minute) // for those who are in the middle of something
	defer cancel()
	if err := own.Close(leaving); err != nil {
		panic(err)
	}
	<-processed
	fmt.Println(own.Err())
	// Output:
	// map[orders-0:true orders-1:true orders-2:true]
	// assign /orders: client closed
}
