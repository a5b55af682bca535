package recipes_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/recipes"
)

func ExampleValue() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	type account struct {
		Owner   string
		Balance int
	}
	v := recipes.NewValue[account](c, "/accounts/17")
	version, err := v.Set(ctx, account{"ann", 100})
	if err != nil {
		fmt.Println(err)
		return
	}

	_, swapped, err := v.CompareAndSet(ctx, version, account{"bob", 100})
	fmt.Println(swapped, err)
	_, swapped, err = v.CompareAndSet(ctx, version, account{"eve", 100}) // the version is an old one by now
	fmt.Println(swapped, err)

	withdraw := func(amount int) func(account) (account, error) {
		return func(a account) (account, error) {
			if a.Balance < amount {
				return a, errors.New("not enough")
			}
			a.Balance -= amount
			return a, nil
		}
	}
	now, _, err := v.Update(ctx, withdraw(70))
	fmt.Println(now, err)
	_, _, err = v.Update(ctx, withdraw(70))
	fmt.Println(err)
	// Output:
	// true <nil>
	// false <nil>
	// {bob 30} <nil>
	// update /accounts/17: not enough
}

func ExampleValue_Watch() {
	c, closeClient := exampleClient()
	defer closeClient()
	ctx := context.Background()

	v := recipes.NewValue[string](c, "/primary")
	w, err := v.Watch(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer w.Close()
	state, changed := w.State()
	fmt.Printf("%q\n", state.Value)

	if _, err := v.Set(ctx, "db-3"); err != nil {
		fmt.Println(err)
		return
	}
	<-changed
	state, _ = w.State()
	fmt.Printf("%q\n", state.Value)
	// Output:
	// ""
	// "db-3"
}
