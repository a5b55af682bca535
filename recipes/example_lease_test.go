package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// Side by side with Redis:
//
//	SET /jobs/report host-1 NX PX 30000              TryAcquire
//	PEXPIRE in a script, if the value is still mine  Renew
//	DEL in a script, if the value is still mine      Release
//	(nothing)                                        Fence, Commit
func ExampleLease() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	lease := recipes.NewLease(c, "/jobs/report")
	mine, err := lease.TryAcquire(ctx, []byte("host-1"), 30*time.Second)
	if err != nil {
		panic(err)
	}
	_, err = lease.TryAcquire(ctx, []byte("host-2"), 30*time.Second)
	fmt.Println(err)
	if held, ok := errors.AsType[*recipes.HeldError](err); ok {
		fmt.Println("with my fence:", held.Fence == mine.Fence())
	}

	if err := mine.Renew(ctx); err != nil {
		panic(err)
	}
	// What is written is written by the holder of the lease or not at all.
	if _, err := mine.Commit(ctx, client.CreateOp("/jobs/report-done", nil)); err != nil {
		panic(err)
	}
	if err := mine.Release(ctx); err != nil { // deletes no lease but this one
		panic(err)
	}
	fmt.Println(mine.Err())

	next, err := lease.TryAcquire(ctx, []byte("host-2"), 30*time.Second)
	if err != nil {
		panic(err)
	}
	fmt.Println("a greater fence:", next.Fence() > mine.Fence())
	if err := next.Release(ctx); err != nil {
		panic(err)
	}
	// Output:
	// lease /jobs/report: held by another: "host-1"
	// with my fence: true
	// released
	// a greater fence: true
}

// A process that is replaced hands its lease over: the fence is all that the next one needs to know.
func ExampleLease_Resume() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	lease := recipes.NewLease(c, "/jobs/import")
	old, err := lease.TryAcquire(ctx, []byte("import"), time.Minute)
	if err != nil {
		panic(err)
	}
	fence := old.Fence() // to be written down, or passed on

	resumed, err := lease.Resume(ctx, fence)
	if err != nil {
		panic(err)
	}
	fmt.Println(resumed.Err(), resumed.Fence() == fence, resumed.Left() > 50*time.Second)
	if err := resumed.Release(ctx); err != nil {
		panic(err)
	}
	_, err = lease.Resume(ctx, fence)
	fmt.Println(err)
	// Output:
	// <nil> true true
	// lease /jobs/import: not held any more
}
