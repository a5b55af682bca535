package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// A process leads as long as the context lives, and writes what only the leader may write with Commit.
func ExampleElection() {
	c, done := exampleClient()
	defer done()
	ctx := context.Background()

	election := recipes.NewElection(c, "/jobs/leader")
	leader, err := election.Campaign(ctx, []byte("10.0.0.1:80")) // waits until this process leads
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = leader.Commit(ctx, client.CreateOp("/jobs/plan", []byte("v1")))
	fmt.Println("leads:", leader.Context().Err() == nil, "wrote:", err == nil)

	term, _, err := election.Leader(ctx) // any process
	fmt.Printf("%s %v %v\n", term.Value, term.Zxid == leader.Term(), err)

	fmt.Println(leader.Resign(ctx))
	_, err = leader.Commit(ctx, client.SetOp("/jobs/plan", []byte("v2")))
	fmt.Println(err)
	// Output:
	// leads: true wrote: true
	// 10.0.0.1:80 true <nil>
	// <nil>
	// commit /jobs/leader: released
}

// An observer is told every term once, in order, and what leaders proclaim, as with etcdctl elect --listen.
func ExampleElection_Observe() {
	c, done := exampleClient()
	defer done()
	ctx := context.Background()

	election := recipes.NewElection(c, "/jobs/leader")
	observation, err := election.Observe(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer observation.Close()

	for _, value := range []string{"a", "b"} {
		leader, err := election.Campaign(ctx, []byte(value))
		if err == nil {
			err = leader.Proclaim(ctx, []byte(value+", ready"))
		}
		if err == nil {
			err = leader.Resign(ctx)
		}
		if err != nil {
			fmt.Println(err)
		}
	}
	for range 7 {
		switch term := <-observation.C(); term.Zxid {
		case 0:
			fmt.Println("nobody")
		default:
			fmt.Printf("%s\n", term.Value)
		}
	}
	// Output:
	// nobody
	// a
	// a, ready
	// nobody
	// b
	// b, ready
	// nobody
}
