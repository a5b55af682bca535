package recipes_test

import (
	"context"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

// Each process of a service joins its group; whoever wants to know them follows it.
func ExampleGroup() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()
	group := recipes.NewGroup(c, "/groups/web")

	members, err := group.Watch(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer members.Close()
	_, changed := members.Members()

	membership, err := group.Join(ctx, "host-7", []byte("10.0.0.7:80"))
	if err != nil {
		fmt.Println(err)
		return
	}
	<-changed
	now, _ := members.Members()
	for _, m := range now {
		fmt.Printf("%s at %s\n", m.Name, m.Metadata)
	}

	if err := membership.Leave(ctx); err != nil {
		fmt.Println(err)
		return
	}
	now, err = group.Members(ctx) // asks the service
	fmt.Println(len(now), err)
	// Output:
	// host-7 at 10.0.0.7:80
	// 0 <nil>
}
