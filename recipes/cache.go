package recipes

import (
	"context"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// Cache is a mirror, in this process, of a node and all nodes below it. Reading it asks nobody and costs about a microsecond.
//
//	service ──list──▶ a page at a time ─┐
//	                                    ├──▶ tree ──▶ View, View, View …      each complete as of one zxid
//	        ──watch─▶ event, event … ───┘      └────▶ Changes, for each reader
//
// What it guarantees:
//
//   - A [View] is the tree right after one transaction: never a part of a transaction, never a mixture of two times. Views
//     do not go back.
//   - The first view shows everything that anybody's call had returned from before [NewCache] was called.
//   - Nothing is missed. The cache follows one persistent watch, which goes on over reconnects, on whatever server, and with
//     client.Config.Renew into the next session, exactly behind what it has told. Where the service's history does not reach
//     back, or more comes than is taken, the watch says so; the cache then lists the tree again and tells the differences.
//     Until that is done its view stays as it was.
//   - What one process has written another one's cache shows at the latest when [Cache.Wait] for its zxid has returned.
//
// What it cannot: be up to date. A view is what was, by about two trips between this machine and its server while connected,
// and by any time while not; client.Client.State tells. So a decision that must be right is made by a write that expects what
// the view has shown (client.IfMzxid, client.IfCzxid), not by the view.
//
// The path need not exist: the view is empty until it does, and again when it is deleted. The cache makes no nodes and
// no writes. It costs the service one watch, and for each burst of changes one small read by which the client learns that a
// transaction is complete, answered from the memory of the server at hand; it costs this process one goroutine, and about 180
// bytes for each node besides its path and its data.
//
// Counterparts: CuratorCache and TreeCache mirror a ZooKeeper tree node by node, so that what they show together may never
// have been together, and lose what happens while their watch is away. An etcd client lists a prefix at a revision and
// watches it from there by itself, and starts over when that was compacted. Consul's agent caches single queries.
type Cache struct {
	client   *client.Client
	path     string
	maxNodes int

	end     context.CancelFunc // makes the goroutine end
	running sync.WaitGroup
	done    chan struct{} // closed when nothing is followed any more
	look    chan struct{} // has something if somebody waits for a later zxid, although nothing may have changed

	mu      sync.Mutex
	view    View
	changed chan struct{} // closed when another view with other nodes is there, or the cache has ended
	moved   chan struct{} // closed when another view is there, perhaps the same nodes at a later zxid, or the cache has ended
	streams map[*Changes]struct{}
	err     error
}

// CacheOption changes a cache.
type CacheOption func(*Cache)

// WithMaxNodes bounds the nodes of a cache, so that one that was set on top of a larger tree than was meant ends with
// client.ErrTooMany and does not fill the memory. Default: 1,048,576.
func WithMaxNodes(n int) CacheOption { return func(c *Cache) { c.maxNodes = n } }

// NewCache returns a mirror of the node at path and all below it, when it is filled. It goes on until it is closed, which it
// must be, or its client's session has ended for good; the end of ctx does not end it later. Errors: those of
// [client.Client.List] but client.ErrNoNode and client.ErrCompacted, those of [client.Client.AddWatch], and client.ErrTooMany
// for more nodes than [WithMaxNodes] allows.
func NewCache(ctx context.Context, c *client.Client, path string, options ...CacheOption) (*Cache, error) {
	cache := &Cache{
		client: c, path: path, maxNodes: cacheNodesMax,
		done: make(chan struct{}), look: make(chan struct{}, 1),
		changed: make(chan struct{}), moved: make(chan struct{}), streams: map[*Changes]struct{}{},
	}
	for _, o := range options {
		o(cache)
	}
	watch, err := c.AddWatch(ctx, path, client.Recursive(), client.WithNode())
	if err != nil {
		return nil, failed("cache", path, err)
	}
	f := &follower{cache: cache, watch: watch, tree: newNodeTree()}
	if err := f.fill(ctx); err != nil {
		watch.Close()
		return nil, failed("cache", path, err)
	}
	ctx, cache.end = context.WithCancel(context.WithoutCancel(ctx))
	cache.running.Go(func() {
		err := f.run(ctx)
		watch.Close()
		cache.ended(err)
	})
	return cache, nil
}

// View returns the newest view, and a channel that is closed when there is one with other nodes, or the cache has ended.
// Changes in quick succession may be seen as one. It does not block.
func (c *Cache) View() (View, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.view, c.changed
}

// Wait waits until the view shows transaction z and all before it: z is the zxid of a write (client.WithZxid), or what
// another process has seen. It asks the service, once, so it waits no longer than necessary although nothing may have
// changed here. Errors: the cause of ctx, that of the cache's end, client.ErrNotReached if the whole service has not come to
// z.
func (c *Cache) Wait(ctx context.Context, z client.Zxid) error {
	for asked := false; ; {
		c.mu.Lock()
		reached, moved, err := c.view.zxid >= z, c.moved, c.err
		c.mu.Unlock()
		if reached {
			return nil
		}
		if err != nil {
			return err
		}
		if !asked { // when it has been answered the watch has told everything up to z
			_, _, err := c.client.Exists(ctx, c.path, client.AtLeast(z))
			if again(ctx, c.client, err) {
				continue
			}
			if err != nil {
				return failed("cache", c.path, err)
			}
			asked = true
		}
		select {
		case c.look <- struct{}{}:
		default:
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return failed("cache", c.path, ended(ctx))
		}
	}
}

// Changes returns a stream of what changes from now on, which each caller gets for himself and should close. That of a cache
// which has ended has ended too.
func (c *Cache) Changes() *Changes {
	s := newChanges(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		s.drop(c.err)
		return s
	}
	s.offer(c.view, nil, true)
	c.streams[s] = struct{}{}
	return s
}

// Err returns why the cache has ended: client.ErrClosed after Close of it or of the client, client.ErrHandedOver,
// client.ErrSessionExpired, client.ErrTooMany, all wrapped. It is nil before the end. The last view remains.
func (c *Cache) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done returns a channel that is closed when the cache has ended.
func (c *Cache) Done() <-chan struct{} { return c.done }

// Close ends the cache and all streams of its changes, and returns when its goroutines have ended, which does not take long.
// It is needed also when the cache has ended by itself while there are streams.
func (c *Cache) Close() {
	c.end()
	c.running.Wait()
	c.mu.Lock()
	streams := c.streams
	c.streams = map[*Changes]struct{}{}
	for s := range streams {
		s.drop(c.err)
	}
	c.mu.Unlock()
	for s := range streams {
		s.telling.Wait()
	}
}

// publish makes a view the newest one. If its nodes are others than before, they are so by the given changes, or by so many
// that they are lost.
func (c *Cache) publish(view View, differs bool, changes []changed, lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if view.zxid == c.view.zxid && !differs {
		return
	}
	c.view = view
	close(c.moved)
	c.moved = make(chan struct{})
	if !differs {
		return
	}
	close(c.changed)
	c.changed = make(chan struct{})
	for s := range c.streams {
		s.offer(view, changes, lost)
	}
}

// ended tells everybody that nothing more will come.
func (c *Cache) ended(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = failed("cache", c.path, err)
	for s := range c.streams {
		s.end(c.err)
	}
	close(c.changed)
	close(c.moved)
	close(c.done)
}
