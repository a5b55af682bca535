package servertest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// caller makes one call after another, and sometimes some at once. What its paths name nobody else writes.
type caller struct {
	member *member
	name   string
	random *rand.Rand
	reader bool // it only reads

	chain   string // set with the version that it must have
	version int64  // of chain
	basket  string // each transaction puts something into it and sets it
	fill    int64  // how often
	toggle  string // created and deleted in turn
	there   client.Zxid
	last    int64 // number of the newest sequential node of this caller; -1: none
}

func newCaller(m *member, i int, random *rand.Rand) *caller {
	name := fmt.Sprintf("%d-%d", len(m.work.members)-1, i)
	path := func(what string) string { return m.work.root + "/" + what + "-" + name }
	return &caller{
		member: m, name: name, random: random, chain: path("chain"), basket: path("basket"), toggle: path("toggle"), last: -1,
	}
}

// step makes the nth call or calls.
func (l *caller) step(ctx context.Context, n int) error {
	r := l.member.work.registers[l.random.IntN(registersPer)]
	data := fmt.Sprintf("%s/%d", l.name, n)
	if l.reader {
		return l.readRegister(ctx, r)
	}
	switch l.random.IntN(12) {
	case 0:
		return l.setRegister(ctx, r, data)
	case 1:
		return l.burst(ctx, r, data)
	case 2, 3:
		return l.readRegister(ctx, r)
	case 4:
		return l.setChain(ctx, data)
	case 5:
		return l.readChain(ctx)
	case 6:
		return l.enqueue(ctx)
	case 7:
		return l.flip(ctx)
	case 8:
		return l.fillBasket(ctx)
	case 9:
		return l.readBasket(ctx)
	case 10:
		return l.count(ctx)
	default:
		return l.setChainIf(ctx, data)
	}
}

// level is a level to read at that must show what the caller itself has been answered.
func (l *caller) level() client.ReadOption {
	if l.random.IntN(2) == 0 {
		return client.AtLevel(client.Session)
	}
	return client.AtLevel(client.Linearizable)
}

func (l *caller) setRegister(ctx context.Context, r *register, data string) error {
	before := r.newest()
	return l.member.call("set of a register", func(zxid *client.Zxid) error {
		stat, err := l.member.client.Set(ctx, r.path, []byte(data), client.WithZxid(zxid))
		if err != nil {
			return err
		}
		if stat.Version <= before.version || stat.Mzxid != *zxid {
			return fmt.Errorf("%s has version %d of zxid %d, answer of %d; version %d had been answered before",
				r.path, stat.Version, stat.Mzxid, *zxid, before.version)
		}
		l.member.saw(r.path, stat.Version)
		return r.was(stat, data, true)
	})
}

// burst sets a register several times at once: the requests are on the connection together.
func (l *caller) burst(ctx context.Context, r *register, data string) error {
	const width = 6
	errs := make([]error, width)
	var all sync.WaitGroup
	for i := range width {
		all.Go(func() { errs[i] = l.setRegister(ctx, r, data+"/"+strconv.Itoa(i)) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (l *caller) readRegister(ctx context.Context, r *register) error {
	newest := r.newest()
	_, own := l.member.seenUntil(r.path)
	level, option, floor := "linearizable", client.AtLevel(client.Linearizable), newest.version
	switch l.random.IntN(3) {
	case 0:
		level, option, floor = "session", client.AtLevel(client.Session), own
	case 1:
		level, option = fmt.Sprintf("at least %d", newest.zxid), client.AtLeast(newest.zxid)
	}
	return l.member.call(level+" read", func(zxid *client.Zxid) error {
		node, err := l.member.client.Get(ctx, r.path, option, client.WithZxid(zxid))
		if err != nil {
			return err
		}
		if node.Stat.Version < floor {
			return fmt.Errorf("%s was read in version %d after version %d had been answered", r.path, node.Stat.Version, floor)
		}
		l.member.saw(r.path, node.Stat.Version)
		return r.was(node.Stat, string(node.Data), false)
	})
}

func (l *caller) setChain(ctx context.Context, data string) error {
	return l.member.call("set of a chain", func(zxid *client.Zxid) error {
		stat, err := l.member.client.Set(ctx, l.chain, []byte(data), client.IfVersion(l.version), client.WithZxid(zxid))
		l.version++
		if err == nil && stat.Version != l.version {
			err = fmt.Errorf("%s has version %d after %d sets", l.chain, stat.Version, l.version)
		}
		return err
	})
}

// setChainIf is setChain by a transaction whose condition must hold.
func (l *caller) setChainIf(ctx context.Context, data string) error {
	return l.member.call("transaction with a chain", func(zxid *client.Zxid) error {
		result, err := l.member.client.Txn(ctx, client.If(client.CheckOp(l.chain, client.IfVersion(l.version))).
			Then(client.SetOp(l.chain, []byte(data))).Else(client.GetOp(l.chain)))
		l.version++
		*zxid = result.Zxid
		if err == nil && (!result.Held || result.Results[0].Stat.Version != l.version) {
			err = fmt.Errorf("the condition has held %v, %s has version %d after %d sets",
				result.Held, l.chain, result.Results[0].Stat.Version, l.version)
		}
		return err
	})
}

func (l *caller) readChain(ctx context.Context) error {
	return l.member.call("read of a chain", func(zxid *client.Zxid) error {
		node, err := l.member.client.Get(ctx, l.chain, l.level(), client.WithZxid(zxid))
		if err == nil && node.Stat.Version != l.version {
			err = fmt.Errorf("%s has version %d after %d sets", l.chain, node.Stat.Version, l.version)
		}
		return err
	})
}

// enqueue creates a sequential node, which may be ephemeral.
func (l *caller) enqueue(ctx context.Context) error {
	m := l.member
	options, ephemeral := []client.CreateOption{client.Sequential()}, l.random.IntN(3) == 0
	if ephemeral {
		options = append(options, client.Ephemeral())
	}
	return m.call("sequential create", func(zxid *client.Zxid) error {
		path, stat, err := m.client.Create(ctx, m.queue+"/", nil, append(options, client.WithZxid(zxid))...)
		if err != nil {
			return err
		}
		number, err := strconv.ParseInt(strings.TrimPrefix(path, m.queue+"/"), 10, 64)
		if err != nil || number <= l.last || stat.Czxid != *zxid {
			return fmt.Errorf("%s of zxid %d, answer of %d, was created after number %d (%w)", path, stat.Czxid, *zxid, l.last, err)
		}
		l.last = number
		m.made(path, ephemeral)
		return nil
	})
}

// flip creates a node, or deletes it if it is there.
func (l *caller) flip(ctx context.Context) error {
	return l.member.call("create or delete", func(zxid *client.Zxid) error {
		if l.there != 0 {
			err := l.member.client.Delete(ctx, l.toggle, client.IfCzxid(l.there), client.WithZxid(zxid))
			l.there = 0
			l.member.work.nodes.Add(-1)
			return err
		}
		_, stat, err := l.member.client.Create(ctx, l.toggle, nil, client.WithZxid(zxid))
		l.there = stat.Czxid
		l.member.work.nodes.Add(1)
		return err
	})
}

// fillBasket sets a node and creates a child of it in one transaction.
func (l *caller) fillBasket(ctx context.Context) error {
	return l.member.call("multi", func(zxid *client.Zxid) error {
		results, err := l.member.client.Multi(ctx, client.CheckOp(l.chain, client.IfVersion(l.version)),
			client.SetOp(l.basket, nil, client.IfVersion(l.fill), client.WithZxid(zxid)),
			client.CreateOp(l.basket+"/", nil, client.Sequential()))
		if err != nil {
			return err
		}
		if want := fmt.Sprintf("%s/%010d", l.basket, l.fill); results[2].Path != want {
			return fmt.Errorf("%s was created instead of %s", results[2].Path, want)
		}
		l.fill++
		l.member.work.nodes.Add(1)
		return nil
	})
}

func (l *caller) readBasket(ctx context.Context) error {
	return l.member.call("read of a basket", func(zxid *client.Zxid) error {
		stat, _, err := l.member.client.Exists(ctx, l.basket, l.level(), client.WithZxid(zxid))
		if err == nil && (stat.Version != l.fill || stat.NumChildren != l.fill) {
			err = fmt.Errorf("%s has version %d and %d children after %d transactions", l.basket, stat.Version, stat.NumChildren, l.fill)
		}
		return err
	})
}

// count tries to count up the counter, which others do too.
func (l *caller) count(ctx context.Context) error {
	m, counter := l.member, l.member.work.counter
	var read int64
	err := m.call("read of the counter", func(zxid *client.Zxid) error {
		node, err := m.client.Get(ctx, counter.path, l.level(), client.WithZxid(zxid))
		read = node.Stat.Version
		return err
	})
	if err != nil {
		return err
	}
	return m.call("transaction with the counter", func(zxid *client.Zxid) error {
		result, err := m.client.Txn(ctx, client.If(client.CheckOp(counter.path, client.IfVersion(read))).
			Then(client.SetOp(counter.path, []byte(l.name))).Else(client.GetOp(counter.path)))
		if err != nil {
			return err
		}
		*zxid = result.Zxid
		version := result.Results[0].Stat.Version
		if result.Held {
			counter.held.Add(1)
		}
		if result.Held && version != read+1 || !result.Held && version <= read {
			return fmt.Errorf("%s, read in version %d, has version %d; condition held: %v", counter.path, read, version, result.Held)
		}
		return nil
	})
}

// judge checks what only this caller has written.
func (l *caller) judge(ctx context.Context) error {
	if err := errors.Join(l.readChain(ctx), l.readBasket(ctx)); err != nil {
		return err
	}
	_, there, err := l.member.client.Exists(ctx, l.toggle)
	if err != nil || there != (l.there != 0) {
		return fmt.Errorf("%s is there: %v, by the answers %v (%w)", l.toggle, there, l.there != 0, err)
	}
	return nil
}
