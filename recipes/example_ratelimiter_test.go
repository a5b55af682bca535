package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/recipes"
)

func ExampleRateLimiter() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	// Two mails per minute, of all processes together, and three at once after a pause.
	mails := recipes.NewRateLimiter(c, "/limits/mails", 2.0/60, 3)
	for range 4 {
		fmt.Println(mails.Allow(ctx, 1))
	}
	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := mails.Wait(soon, 1) // does not try: there is one in half a minute only
	fmt.Println(errors.Is(err, context.DeadlineExceeded))

	// A hundred per second from now on, for everybody.
	if err := mails.SetLimit(ctx, 100, 10); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mails.Wait(ctx, 5))
	// Output:
	// true <nil>
	// true <nil>
	// true <nil>
	// false <nil>
	// true
	// <nil>
}
