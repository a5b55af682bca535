package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/process"
)

const (
	tourMax = 2 * time.Minute
	writers = 16
)

// guide tells what is done and keeps the first error, so that the tour reads from top to bottom.
type guide struct {
	ctx     context.Context
	cluster *process.Cluster
	a, b    *client.Client
}

// tour starts three servers in a directory that it removes again, and shows what they can do.
func tour(ctx context.Context, binary string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, tourMax)
	defer cancel()
	dir, err := os.MkdirTemp(".", ".coxdemo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	title("Three servers, each a process with its own disk")
	start := time.Now()
	cluster, err := process.Start(ctx, binary, dir, 3)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	leader, err := cluster.Leader(ctx)
	if err != nil {
		return err
	}
	say("%s are ready after %d ms; server %d leads.", strings.Join(cluster.Addrs(), ", "), time.Since(start).Milliseconds(), leader+1)

	g := &guide{ctx: ctx, cluster: cluster}
	if g.a, err = client.Dial(ctx, client.Config{Servers: cluster.Addrs()[:1], Name: "client A"}); err != nil {
		return err
	}
	if g.b, err = client.Dial(ctx, client.Config{Servers: cluster.Addrs()[1:2], Name: "client B"}); err != nil {
		return err
	}
	for _, stop := range []func() error{g.nodes, g.watches, g.sequence, g.transactions, g.ephemerals, g.leaderDies} {
		if err := stop(); err != nil {
			return err
		}
	}
	say("\nThat was the tour. Everything it made is removed.")
	return g.a.Close(ctx)
}

func title(text string)               { fmt.Printf("\n== %s\n", text) }
func say(format string, args ...any)  { fmt.Printf(format+"\n", args...) }
func show(format string, args ...any) { fmt.Printf("   "+format+"\n", args...) }

func (g *guide) nodes() error {
	title("A tree of nodes, read the same from every server")
	if _, _, err := g.a.Create(g.ctx, "/app", []byte("hello")); err != nil {
		return err
	}
	if _, _, err := g.a.Create(g.ctx, "/app/config", []byte("v1")); err != nil {
		return err
	}
	show("A on server 1:  create /app hello, create /app/config v1")
	node, err := g.b.Get(g.ctx, "/app")
	if err != nil {
		return err
	}
	names, _, err := g.b.Children(g.ctx, "/app")
	if err != nil {
		return err
	}
	show("B on server 2:  get /app = %q, ls /app = %v", node.Data, names)
	stat, err := g.b.Set(g.ctx, "/app", []byte("hello again"), client.IfVersion(node.Stat.Version))
	if err != nil {
		return err
	}
	show("B:              set /app if its version is %d: it is %d now", node.Stat.Version, stat.Version)
	_, err = g.a.Set(g.ctx, "/app", []byte("too late"), client.IfVersion(node.Stat.Version))
	if !errors.Is(err, client.ErrBadVersion) {
		return fmt.Errorf("a set with an old version: %v", err)
	}
	show("A:              set /app if its version is %d: %v", node.Stat.Version, err)
	return nil
}

func (g *guide) watches() error {
	title("A watch fires once, before anybody on that connection can see the change")
	var w *client.Watch
	if _, err := g.b.Get(g.ctx, "/app/config", client.WithWatch(&w)); err != nil {
		return err
	}
	start := time.Now()
	if _, err := g.a.Set(g.ctx, "/app/config", []byte("v2")); err != nil {
		return err
	}
	select {
	case e := <-w.C():
		show("B is told %v of %s, zxid %v, %.1f ms after A began to set it", e.Type, e.Path, e.Zxid, ms(time.Since(start)))
	case <-g.ctx.Done():
		return g.ctx.Err()
	}
	return nil
}

func (g *guide) sequence() error {
	title("Sequential names: the order of arrival, decided by the log")
	if _, _, err := g.a.Create(g.ctx, "/queue", nil); err != nil {
		return err
	}
	for i, c := range []*client.Client{g.a, g.b, g.a} {
		path, _, err := c.Create(g.ctx, "/queue/job-", nil, client.Sequential())
		if err != nil {
			return err
		}
		show("%s: create -s /queue/job-  =  %s", string("ABA"[i]), path)
	}
	return nil
}

func (g *guide) transactions() error {
	title("Transactions: all or nothing")
	results, err := g.a.Multi(g.ctx, client.CheckOp("/app"), client.CreateOp("/app/one", nil), client.CreateOp("/app/two", nil))
	if err != nil {
		return err
	}
	show("check /app, create /app/one, create /app/two: done, both with zxid %v", results[2].Stat.Czxid)
	_, err = g.a.Multi(g.ctx, client.DeleteOp("/app/one"), client.CreateOp("/app/two", nil))
	if !errors.Is(err, client.ErrNodeExists) {
		return fmt.Errorf("a transaction that must fail: %v", err)
	}
	_, there, err2 := g.a.Exists(g.ctx, "/app/one")
	if err2 != nil || !there {
		return fmt.Errorf("a failed transaction deleted /app/one (%w)", err2)
	}
	show("delete /app/one, create /app/two: %v; /app/one is still there", err)
	return nil
}

func (g *guide) ephemerals() error {
	title("Ephemeral nodes live as long as their session")
	if _, _, err := g.b.Create(g.ctx, "/app/worker", []byte("B"), client.Ephemeral()); err != nil {
		return err
	}
	var w *client.Watch
	_, there, err := g.a.Exists(g.ctx, "/app/worker", client.WithWatch(&w))
	if err != nil || !there {
		return fmt.Errorf("an ephemeral node is missing (%w)", err)
	}
	show("B: create -e /app/worker; A sees it and watches it")
	start := time.Now()
	if err := g.b.Close(g.ctx); err != nil {
		return err
	}
	select {
	case e := <-w.C():
		show("B closes its session; A is told %v of %s after %.1f ms", e.Type, e.Path, ms(time.Since(start)))
	case <-g.ctx.Done():
		return g.ctx.Err()
	}
	return nil
}

func (g *guide) leaderDies() error {
	title("kill -9 of the leader, under load")
	if _, _, err := g.a.Create(g.ctx, "/load", nil); err != nil {
		return err
	}
	w, err := process.StartWriters(g.ctx, g.cluster.Addrs(), "/load", writers)
	if err != nil {
		return err
	}
	pause(g.ctx, time.Second)
	leader, err := g.cluster.Leader(g.ctx)
	if err != nil {
		return err
	}
	_, before := w.Gap()
	show("%d clients write; %d writes acknowledged so far; killing server %d, which leads", writers, before, leader+1)
	if err := g.cluster.Kill(leader); err != nil {
		return err
	}
	pause(g.ctx, 2*time.Second)
	gap, after := w.Gap()
	show("the longest time in which no client was answered: %d ms", gap.Milliseconds())
	if err := g.cluster.Run(leader); err != nil {
		return err
	}
	if err := g.cluster.WaitReady(g.ctx, leader); err != nil {
		return err
	}
	if err := w.Stop(g.ctx); err != nil {
		return err
	}
	_, total := w.Gap()
	show("%d writes acknowledged since the kill, %d in all: none lost, none applied twice, each client's in order", after-before, total)
	agreed, err := g.cluster.Agreed(g.ctx)
	if err != nil {
		return err
	}
	show("server %d is back; all three have zxid %v and digest %s", leader+1, agreed.Zxid, agreed.Digest)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
