package servertest

import (
	"context"
	"errors"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// Partition splits the network between the servers: those of different groups do not reach each other, in neither
// direction, until [Cluster.Heal] or the next Partition. A server that is in no group is alone. Connections stall as they
// do when packets are lost. Clients still reach every server.
func (c *Cluster) Partition(groups ...[]int) {
	c.between.change(func() {
		for i := range c.between.group {
			c.between.group[i] = -1 - i
		}
		for g, group := range groups {
			for _, i := range group {
				c.between.group[i] = g
			}
		}
	})
}

// Block keeps what server from sends from reaching server to, until [Cluster.Heal]. The other direction is open.
func (c *Cluster) Block(from, to int) {
	c.between.change(func() { c.between.blocked[way{from, to}] = true })
}

// Heal ends all that Partition and Block have done.
func (c *Cluster) Heal() {
	c.between.change(func() {
		clear(c.between.group)
		clear(c.between.blocked)
	})
}

// Pause keeps server i from reading and writing on any connection, to clients and to other servers, until
// [Cluster.Resume]. None is closed, and connecting to it seems to work. So the others see what they see of a process that
// is stopped by a signal or starved. Unlike such a process it goes on itself: its timers run, and it will find out that it
// is cut off, not that it slept. Package process really stops processes.
func (c *Cluster) Pause(i int) {
	c.between.change(func() { c.between.paused[i] = true })
	c.clients.change(func() { c.clients.fronts[i].paused = true })
}

// Resume ends a Pause: what was held back goes its way.
func (c *Cluster) Resume(i int) {
	c.between.change(func() { c.between.paused[i] = false })
	c.clients.change(func() { c.clients.fronts[i].paused = false })
}

// Kill ends server i as abruptly as that can be done to a server in this process: all its connections are closed without a
// word, then it is closed, without handing over anything. What it has on disk is what kill -9 would leave, or a little
// more. [Cluster.Run] starts it again.
func (c *Cluster) Kill(i int) {
	c.t.Helper()
	c.between.kill(i)
	c.clients.fronts[i].shut()
	c.clients.fronts[i].cut()
	c.Stop(i)
}

// Drain stops server i in the most orderly way: it hands over the leadership and tells its clients to move, and is then
// closed. [Cluster.Run] starts it again.
func (c *Cluster) Drain(i int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := c.running(i).Drain(ctx); err != nil {
		c.t.Errorf("draining server %d: %v", i+1, err)
	}
	c.Stop(i)
}

// CutClients closes all client connections of server i now, without a word. The clients may come back at once.
func (c *Cluster) CutClients(i int) { c.clients.fronts[i].cut() }

// RefuseClients closes all client connections of server i now, and new ones at once, until [Cluster.AdmitClients]. The
// server goes on: it is in touch with the others and times the silence of its sessions.
func (c *Cluster) RefuseClients(i int) {
	c.clients.change(func() { c.clients.fronts[i].refusing = true })
	c.clients.fronts[i].cut()
}

// AdmitClients ends a RefuseClients.
func (c *Cluster) AdmitClients(i int) {
	c.clients.change(func() { c.clients.fronts[i].refusing = false })
}

// HoldSession lets nothing pass between the client of a session and any server, until [Cluster.ReleaseSession]. No
// connection is closed, and connecting seems to work. So the service sees a client that hangs: its process is stopped, it
// collects garbage, its cable is out. What the client says meanwhile waits, and arrives late.
func (c *Cluster) HoldSession(id client.SessionID) {
	c.clients.change(func() { c.clients.held[id] = true })
}

// ReleaseSession ends a HoldSession.
func (c *Cluster) ReleaseSession(id client.SessionID) {
	c.clients.change(func() { delete(c.clients.held, id) })
}

// Delay delays each frame between clients and servers by d each way, of the given servers or of all if none is given, from
// now on; 0 ends it. The order of the frames of one connection is kept. Connecting is not delayed.
func (c *Cluster) Delay(d time.Duration, servers ...int) {
	if len(servers) == 0 {
		for i := range c.clients.fronts {
			servers = append(servers, i)
		}
	}
	c.clients.change(func() {
		for _, i := range servers {
			c.clients.fronts[i].delay = d
		}
	})
}

// liftAll ends all faults but those of servers that do not run.
func (c *Cluster) liftAll() {
	c.Heal()
	c.between.change(func() { clear(c.between.paused) })
	c.clients.change(func() {
		clear(c.clients.held)
		c.clients.drops = nil
		for _, f := range c.clients.fronts {
			f.paused, f.refusing, f.delay = false, false, 0
		}
	})
}

// DropReply loses the next reply to a write of a session: the write has been carried out, its reply is swallowed and the
// connection is closed. So the client cannot know what has become of the write, and has to send it again. The channel is
// closed when it has happened. Called twice, it loses two.
func (c *Cluster) DropReply(id client.SessionID) <-chan struct{} {
	return c.dropNext(&drop{session: id})
}

// DropReplyOf is DropReply for the next write of any session that server i answers.
func (c *Cluster) DropReplyOf(i int) <-chan struct{} {
	return c.dropNext(&drop{front: c.clients.fronts[i]})
}

func (c *Cluster) dropNext(d *drop) <-chan struct{} {
	d.done = make(chan struct{})
	c.clients.change(func() { c.clients.drops = append(c.clients.drops, d) })
	return d.done
}

// ExpireSession ends a session now, as if its client had been silent for too long: its ephemeral nodes are gone when it
// returns, and the client will be told. The kit does it by a session of its own.
func (c *Cluster) ExpireSession(id client.SessionID) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	operator, err := client.Dial(ctx, client.Config{Servers: c.Addrs(), Name: "servertest"})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := errors.Join(operator.KillSession(ctx, id), operator.Close(ctx)); err != nil {
		c.t.Fatalf("ending session %v: %v", id, err)
	}
}
