package load

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
)

// ErrUnreachable is the error of a measurement that could not open its first client.
var ErrUnreachable = errors.New("cannot connect")

// fleet is the clients of one measurement, and the node below which they do everything.
type fleet struct {
	crowd []Client
	path  string
}

// value is what a node of n bytes holds.
func value(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte('a' + i%26)
	}
	return data
}

// gather opens n clients by dial, the first of them alone: if it cannot connect, nobody can. It creates a node of a random name
// through that. On an error nothing is left.
func gather(ctx context.Context, n int, dial func(ctx context.Context, i int) (Client, error)) (*fleet, error) {
	f := &fleet{crowd: make([]Client, n), path: "/coxbench-" + rand.Text()[:8]}
	open := func(i int) (err error) {
		ctx, cancel := context.WithTimeout(ctx, dialMax)
		defer cancel()
		f.crowd[i], err = dial(ctx, i)
		return err
	}
	if err := open(0); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if err := create(ctx, f.crowd[0], f.path, nil); err != nil {
		return nil, errors.Join(err, f.close(ctx))
	}
	if err := together(n-1, atOnceMax, func(i int) error { return open(i + 1) }); err != nil {
		return nil, errors.Join(err, f.clear(ctx))
	}
	return f, nil
}

// settle creates count nodes for each client, and returns their paths by client: the first is above the others.
func (f *fleet) settle(ctx context.Context, count int, data []byte) ([][]string, error) {
	nodes := make([][]string, len(f.crowd))
	return nodes, together(len(f.crowd), atOnceMax, func(i int) error {
		nodes[i] = []string{f.path + "/" + strconv.Itoa(i)}
		if err := create(ctx, f.crowd[i], nodes[i][0], data); err != nil {
			return err
		}
		for k := 1; k < count; k++ {
			nodes[i] = append(nodes[i], nodes[i][0]+"/k"+strconv.Itoa(k))
		}
		return together(count-1, atOnceMax, func(k int) error { return create(ctx, f.crowd[i], nodes[i][k+1], data) })
	})
}

// parent creates a node with count children, and returns its path.
func (f *fleet) parent(ctx context.Context, count int, data []byte) (string, error) {
	path := f.path + "/list"
	if err := create(ctx, f.crowd[0], path, nil); err != nil {
		return "", err
	}
	return path, together(count, atOnceMax, func(i int) error {
		return create(ctx, f.crowd[i%len(f.crowd)], fmt.Sprintf("%s/child-%07d", path, i), data)
	})
}

// create creates a node for a measurement that is being prepared.
func create(ctx context.Context, c Client, path string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, silenceMax)
	defer cancel()
	return c.Create(ctx, path, data)
}

// clear removes all nodes and closes all clients, whatever has become of ctx, and returns the first error.
func (f *fleet) clear(ctx context.Context) error {
	clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearMax)
	defer cancel()
	err := f.crowd[0].DeleteTree(clearing, f.path)
	if err != nil {
		err = fmt.Errorf("%s is left over: %w", f.path, err)
	}
	return cmp.Or(err, f.close(ctx))
}

// close closes all clients that there are, whatever has become of ctx.
func (f *fleet) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearMax)
	defer cancel()
	errs := make([]error, len(f.crowd))
	_ = together(len(f.crowd), atOnceMax, func(i int) error {
		if f.crowd[i] != nil {
			errs[i] = f.crowd[i].Close(ctx)
		}
		return nil // all must be closed
	})
	return cmp.Or(errs...)
}
