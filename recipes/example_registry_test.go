package recipes_test

import (
	"context"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/recipes"
)

// A service that says that it is well, and a caller who finds it. Consul:
//
//	PUT /v1/agent/service/register {"Name": "web", "ID": "web-1", "Check": {"TTL": "10s", "DeregisterCriticalServiceAfter": "10m"}}
//	PUT /v1/agent/check/pass/service:web-1      every few seconds, from every instance
//	GET /v1/health/service/web?passing&index=…  in a loop
func ExampleRegistry() {
	c, end := exampleClient()
	defer end()
	ctx := context.Background()
	registry := recipes.NewRegistry(c, "/services")

	// The service:
	web, err := registry.Register(ctx, recipes.Service{Name: "web", ID: "web-1", Address: "10.0.0.7:80"},
		recipes.WithTTL(10*time.Second), recipes.DeregisterAfter(10*time.Minute))
	if err != nil {
		panic(err)
	}
	web.Pass() // whenever a request was served: it asks nobody

	// The caller:
	found, err := registry.Watch(ctx, "web")
	if err != nil {
		panic(err)
	}
	defer found.Close()
	instance, err := found.Choose(recipes.RoundRobin())
	if err != nil {
		panic(err)
	}
	fmt.Println(instance.ID, instance.Address, instance.Health)

	_, changed := found.Instances()
	web.Fail("the database is gone")
	<-changed
	all, changed := found.Instances()
	fmt.Println(all[0].ID, all[0].Health, all[0].Note)
	_, err = found.Choose(recipes.Sticky("user-42"))
	fmt.Println(err)

	if err := web.Close(ctx); err != nil {
		panic(err)
	}
	<-changed
	all, _ = found.Instances()
	fmt.Println(len(all))
	// Output:
	// web-1 10.0.0.7:80 passing
	// web-1 critical the database is gone
	// choose /services/web: no passing instance
	// 0
}

// A caller that is told who is there, and takes the same instance for the same user as long as that is well.
func ExampleDiscovery() {
	c, end := exampleClient()
	defer end()
	ctx := context.Background()
	registry := recipes.NewRegistry(c, "/services")
	found, err := registry.Watch(ctx, "web")
	if err != nil {
		panic(err)
	}
	defer found.Close()

	for _, id := range []string{"web-1", "web-2"} { // in processes of their own
		instance, err := registry.Register(ctx, recipes.Service{Name: "web", ID: id, Address: id + ".example:80"})
		if err != nil {
			panic(err)
		}
		defer instance.Close(ctx)
	}
	all, changed := found.Instances()
	for len(all) < 2 {
		select {
		case <-changed:
		case <-found.Done():
			panic(found.Err())
		}
		all, changed = found.Instances()
	}
	for _, instance := range all {
		fmt.Println(instance.ID, instance.Address, instance.Health)
	}
	first, err := found.Choose(recipes.Sticky("user-42"))
	if err != nil {
		panic(err)
	}
	again, err := found.Choose(recipes.Sticky("user-42"))
	fmt.Println(first.ID == again.ID, err)
	// Output:
	// web-1 web-1.example:80 passing
	// web-2 web-2.example:80 passing
	// true <nil>
}
