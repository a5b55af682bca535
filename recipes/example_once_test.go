package recipes_test

import (
	"context"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func ExampleOnce() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	payments := recipes.NewOnce(c, "/payments", 24*time.Hour)
	pay := func(ctx context.Context, h *recipes.Hold) ([]byte, []client.Op, error) {
		// Here the bank is called, with h.Fence() or the key, so that it too refuses what comes late or twice.
		receipt := []byte("paid 20")
		return receipt, []client.Op{client.CreateOp("/receipt-17", receipt)}, nil
	}
	for range 3 { // the order is delivered three times
		receipt, ran, err := payments.Do(ctx, "order-17", pay)
		fmt.Printf("%s %v %v\n", receipt, ran, err)
	}
	// Output:
	// paid 20 true <nil>
	// paid 20 false <nil>
	// paid 20 false <nil>
}
