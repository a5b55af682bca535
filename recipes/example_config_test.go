package recipes_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

// Settings that every process follows, and that can be taken back.
func ExampleConfig() {
	c, end := exampleClient()
	defer end()
	ctx := context.Background()

	type Limits struct {
		RequestsPerSecond int `json:"requestsPerSecond"`
	}
	limits := recipes.NewConfig(c, "/config/limits", recipes.WithValidation(func(l Limits) error {
		if l.RequestsPerSecond < 1 {
			return errors.New("at least one request per second")
		}
		return nil
	}))

	// In each process: the value at hand, and a channel that tells of the next one.
	followed, err := limits.Watch(ctx)
	if err != nil {
		panic(err)
	}
	defer followed.Close()
	_, changed := followed.Value()

	// An operator:
	if _, err := limits.Set(ctx, Limits{100}, recipes.WithComment("for the launch")); err != nil {
		panic(err)
	}
	<-changed
	now, changed := followed.Value()
	fmt.Printf("version %d: %+v\n", now.Version, now.Value)

	_, err = limits.Update(ctx, func(l Limits) (Limits, error) {
		l.RequestsPerSecond -= 100
		return l, nil
	})
	fmt.Println(err)

	if _, err := limits.Set(ctx, Limits{5}); err != nil {
		panic(err)
	}
	if _, err := limits.Rollback(ctx, 1); err != nil {
		panic(err)
	}
	<-changed
	versions, err := limits.History(ctx)
	if err != nil {
		panic(err)
	}
	for _, v := range versions {
		fmt.Printf("%d: %d %q\n", v.Version, v.Value.RequestsPerSecond, v.Comment)
	}
	// Output:
	// version 1: {RequestsPerSecond:100}
	// update /config/limits: invalid value: at least one request per second
	// 3: 100 "rollback to version 1"
	// 2: 5 ""
	// 1: 100 "for the launch"
}

// A process that goes by the newest value until there is nothing to follow any more.
func ExampleConfig_Watch() {
	c, end := exampleClient()
	defer end()
	ctx := context.Background()
	motd := recipes.NewConfig[string](c, "/config/motd")
	if _, err := motd.Set(ctx, "good morning"); err != nil {
		panic(err)
	}
	followed, err := motd.Watch(ctx)
	if err != nil {
		panic(err)
	}
	defer followed.Close()

	go func() { // somebody else
		if _, err := motd.Set(ctx, "good night"); err != nil {
			panic(err)
		}
	}()
	for shown := int64(0); ; {
		now, changed := followed.Value()
		if now.Version > shown {
			shown = now.Version
			fmt.Println(now.Value)
		}
		if now.Value == "good night" {
			followed.Close()
		}
		select {
		case <-changed:
		case <-followed.Done():
			fmt.Println(followed.Err())
			return
		}
	}
	// Output:
	// good morning
	// good night
	// watch /config/motd: released
}
