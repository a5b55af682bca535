package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

// workload is something that can be measured: either what one caller does again and again, or a measurement of its own.
type workload struct {
	about   string
	step    func(ctx context.Context, w *worker, n int) error
	measure func(p plan, ctx context.Context) (result, error) // nil: callers do step
}

// watching reports whether the workload is about watches and not about calls.
func (w workload) watching() bool { return w.measure != nil }

var workloads = map[string]workload{
	"set": {about: "set a node of its own", step: set},
	"get": {about: "get a node, linearizable", step: func(ctx context.Context, w *worker, _ int) error {
		_, err := w.client.Get(ctx, w.path)
		return err
	}},
	"get-at-least": {about: "get a node, not older than anything that any of the clients has seen", step: getAtLeast},
	"get-session": {about: "get a node from the server's own state", step: func(ctx context.Context, w *worker, _ int) error {
		_, err := w.client.Get(ctx, w.path, client.AtLevel(client.Session))
		return err
	}},
	"mix": {about: "four gets, one set", step: func(ctx context.Context, w *worker, n int) error {
		if n%5 == 4 {
			return set(ctx, w, n)
		}
		_, err := w.client.Get(ctx, w.path)
		return err
	}},
	"mix-at-least": {about: "four gets as in get-at-least, one set", step: func(ctx context.Context, w *worker, n int) error {
		if n%5 == 4 {
			return set(ctx, w, n)
		}
		return getAtLeast(ctx, w, n)
	}},
	"ephemeral": {about: "create an ephemeral sequential node and delete it; one operation is both", step: func(ctx context.Context, w *worker, _ int) error {
		path, _, err := w.client.Create(ctx, w.path+"/e-", w.data, client.Ephemeral(), client.Sequential())
		if err != nil {
			return err
		}
		return w.client.Delete(ctx, path)
	}},
	"lock": {about: "take a lock that nobody else wants and release it; one operation is both", step: func(ctx context.Context, w *worker, _ int) error {
		return lockOnce(ctx, w, w.path+"/lock")
	}},
	"handover": {about: "take one lock that all clients want and release it: hand-overs per second, and the time in line", step: func(ctx context.Context, w *worker, _ int) error {
		return lockOnce(ctx, w, root+"/lock")
	}},
	"notify": {about: "set a node that --watches watches on --clients connections wait for, and tell when they are told", measure: plan.notify},
	"resume": {about: "cut a connection with --watches persistent watches, and tell when all are live again", measure: plan.resume},
}

func set(ctx context.Context, w *worker, _ int) error {
	var z client.Zxid
	_, err := w.client.Set(ctx, w.path, w.data, client.WithZxid(&z))
	w.newest.note(z)
	return err
}

func lockOnce(ctx context.Context, w *worker, path string) error {
	held, err := recipes.NewLock(w.client, path).Acquire(ctx)
	if err != nil {
		return err
	}
	return held.Release(ctx)
}

// getAtLeast is what a client does that was told by the others what they have seen.
func getAtLeast(ctx context.Context, w *worker, _ int) error {
	var z client.Zxid
	_, err := w.client.Get(ctx, w.path, client.AtLeast(w.newest.load()), client.WithZxid(&z))
	w.newest.note(z)
	return err
}

func workloadNames() []string { return slices.Sorted(maps.Keys(workloads)) }

// describeWorkloads lists the workloads for the help, one per line.
func describeWorkloads() string {
	var b strings.Builder
	for _, name := range workloadNames() {
		fmt.Fprintf(&b, "  %-13s %s\n", name, workloads[name].about)
	}
	return b.String()
}
