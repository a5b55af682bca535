package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

// Two banks move money, or do not. One of them crashes after its vote, and finds out afterwards what it has to do.
func ExampleTwoPhase() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}

	transfers := recipes.NewTwoPhase(c, "/transfers")
	must(transfers.Begin(ctx, "4711", []string{"north", "south"}, []byte("10 from north to south")))

	must(transfers.Vote(ctx, "4711", "north", true)) // once it is sure that it can do both
	must(transfers.Vote(ctx, "4711", "south", true)) // and crashes
	decision, err := transfers.Decide(ctx, "4711")   // anybody
	must(err)
	fmt.Println("north:", decision)
	must(transfers.Done(ctx, "4711", "north"))

	pending, err := transfers.Pending(ctx, "south")
	must(err)
	for _, p := range pending {
		decision, err := transfers.Await(ctx, p.ID)
		must(err)
		fmt.Printf("south: %s: %s\n", decision, p.Payload)
		must(transfers.Done(ctx, p.ID, "south"))
	}
	pending, err = transfers.Pending(ctx, "south")
	must(err)
	fmt.Println("pending:", len(pending))
	// Output:
	// north: committed
	// south: committed: 10 from north to south
	// pending: 0
}
