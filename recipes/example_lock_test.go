package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func ExampleLock() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	lock := recipes.NewLock(c, "/locks/report")
	held, err := lock.Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer held.Release(ctx)

	// Work under held.Context(), which ends before anybody else can have the lock, and write with the lock as a guard.
	_, err = held.Commit(held.Context(), client.CreateOp("/report", []byte("all is well")))
	fmt.Println("written:", err == nil)

	_, err = lock.TryAcquire(ctx)
	fmt.Println(errors.Is(err, recipes.ErrHeld), err)

	soon, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	_, err = lock.Acquire(soon)
	fmt.Println(err)
	// Output:
	// written: true
	// true lock /locks/report: held by another: 1 in line
	// lock /locks/report: context deadline exceeded
}

func ExampleNewMultiLock() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	both, err := recipes.NewMultiLock(c, []string{"/accounts/alice", "/accounts/bob"}).Acquire(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = recipes.NewLock(c, "/accounts/bob").TryAcquire(ctx)
	fmt.Println(err)
	fmt.Println(both.Release(ctx))
	// Output:
	// lock /accounts/bob: held by another: 1 in line
	// <nil>
}

func ExampleQueue() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	jobs := recipes.NewQueue(c, "/jobs")
	for _, job := range []string{"paint", "dry"} {
		if _, err := jobs.Put(ctx, []byte(job)); err != nil {
			fmt.Println(err)
		}
	}
	if _, err := jobs.Put(ctx, []byte("extinguish"), recipes.Priority(0)); err != nil {
		fmt.Println(err)
	}
	for range 3 {
		job, err := jobs.Take(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s, attempt %d\n", job.Data(), job.Attempt())
		// The item goes, and what it has caused is there, in one transaction.
		if _, err := job.Ack(ctx, client.CreateOp("/done/"+string(job.Data()), nil, client.Parents())); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// extinguish, attempt 1
	// paint, attempt 1
	// dry, attempt 1
}
