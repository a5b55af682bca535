package load

import (
	"context"
	"errors"
	"sync"
	"time"
)

// fakeService answers each call after a time, as its stall has it.
type fakeService struct {
	takes  time.Duration
	refuse func(n int) error // of the nth call; nil: none

	mu      sync.Mutex
	calls   int                    // guarded by mu, as all below
	stalled func() <-chan struct{} // what calls wait for before anything else; nil: nothing
	nodes   map[string]bool
}

func (s *fakeService) Name() string { return "fake" }

func (s *fakeService) Dial(context.Context, int) (Client, error) { return fakeClient{s}, nil }

// call is what all measured calls do.
func (s *fakeService) call(ctx context.Context) error {
	s.mu.Lock()
	n := s.calls
	s.calls++
	var stall <-chan struct{}
	if s.stalled != nil {
		stall = s.stalled()
	}
	s.mu.Unlock()
	if stall != nil {
		select {
		case <-stall:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.refuse != nil {
		return s.refuse(n)
	}
	return nil
}

// fakeClient keeps only which nodes there are.
type fakeClient struct{ s *fakeService }

func (c fakeClient) Create(_ context.Context, path string, _ []byte) error {
	<-time.After(c.s.takes)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.nodes == nil {
		c.s.nodes = map[string]bool{}
	}
	c.s.nodes[path] = true
	return nil
}

func (c fakeClient) DeleteTree(_ context.Context, path string) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for p := range c.s.nodes {
		if len(p) >= len(path) && p[:len(path)] == path {
			delete(c.s.nodes, p)
		}
	}
	return nil
}

func (c fakeClient) Get(ctx context.Context, _ string, _ Level) ([]byte, error) {
	return nil, c.s.call(ctx)
}

func (c fakeClient) Set(ctx context.Context, _ string, _ []byte) error { return c.s.call(ctx) }

func (c fakeClient) CreateEphemeral(ctx context.Context, prefix string, _ []byte) (string, error) {
	return prefix, c.s.call(ctx)
}

func (c fakeClient) Delete(ctx context.Context, _ string) error             { return c.s.call(ctx) }
func (c fakeClient) SetAll(ctx context.Context, _ []string, _ []byte) error { return c.s.call(ctx) }
func (c fakeClient) List(ctx context.Context, _ string) (int, error)        { return 0, c.s.call(ctx) }
func (c fakeClient) Close(context.Context) error                            { return nil }
func (c fakeClient) Watch(context.Context, string) (<-chan struct{}, error) {
	return nil, errors.ErrUnsupported
}

func (c fakeClient) Lock(ctx context.Context, _ string) (func(context.Context) error, error) {
	return c.s.call, c.s.call(ctx)
}
