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
