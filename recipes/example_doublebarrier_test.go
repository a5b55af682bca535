package recipes_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/coxswain-io/coxswain/recipes"
)

// Three workers compute in steps: nobody begins a step before all have ended the one before.
func ExampleDoubleBarrier() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	const workers = 3
	var computed [2]atomic.Int32
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			barrier := recipes.NewDoubleBarrier(c, "/steps", workers)
			for step := range computed {
				in, err := barrier.Enter(ctx)
				if err != nil {
					panic(err)
				}
				if step > 0 && computed[step-1].Load() != workers {
					panic("too early")
				}
				computed[step].Add(1)
				if err := in.Leave(ctx); err != nil {
					panic(err)
				}
			}
		})
	}
	all.Wait()
	fmt.Println(computed[0].Load(), "workers in the first step,", computed[1].Load(), "in the second")
	// Output: 3 workers in the first step, 3 in the second
}
