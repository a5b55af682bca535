package main

import (
	"context"
	"errors"
	"math"

	"github.com/coxswain-io/coxswain/client"
)

func watchVerb() *verb {
	return &verb{
		name: "watch", args: "PATH", argsMin: 1, argsMax: 1, paths: 1, long: true, program: true, group: "Watches",
		summary: "print each change of a node, or run a program for it, until Ctrl-C",
		options: []option{
			{"r", "recursive", "", "of all nodes below it, too"},
			sinceOption, valuesOption,
			{"", "count", "NUMBER", "end after so many events"},
		},
		details: `Without -r it tells when the node is created, set and deleted, and when children of it are created and
deleted (ChildrenChanged); with -r when any node at or below PATH is created, set and deleted. It goes
on over reconnects, and over the end of its session, and misses nothing; should no server remember what
happened meanwhile it tells a Gap: then read again. --since goes on behind the last event of an earlier
run.

With a PROGRAM nothing is printed; it runs once for each event, one after the other. It finds the data
on its standard input, and in its environment COXSWAIN_EVENT (Created, Deleted, DataChanged,
ChildrenChanged, Gap), COXSWAIN_PATH, COXSWAIN_ZXID, COXSWAIN_DATA_LENGTH, COXSWAIN_VERSION, for a Gap
COXSWAIN_FROM, and COXSWAIN_SERVERS. If it fails that is said, the next event is awaited, and the exit
status of the watch is 1 at its end. Ctrl-C is the usual end, with status 0 if no program has failed.

  watch -r --values /app
  cox watch --since 0x1f --json -r /app
  cox watch /app/config -- sh -c 'cat > settings.yaml; systemctl reload app'`,
		run: runWatch,
	}
}

// following is a watch verb at work.
type following struct {
	call    *call
	client  *client.Client
	watch   *client.PersistentWatch
	program *program // nil: events are printed
	news    *news
}

func runWatch(c *call) error {
	count, err := c.number(c.verb, "count", math.MaxInt, math.MaxInt)
	if err != nil {
		return err
	}
	f := following{call: c}
	if c.command != nil {
		if f.program, err = newProgram(c); err != nil {
			return err
		}
	}
	options, err := c.watchOptions(c.has("recursive"), c.has(valuesOption.long) || f.program != nil)
	if err != nil {
		return err
	}
	if f.client, err = c.forLong(); err != nil {
		return err
	}
	f.news = c.news(f.client, "the watch")
	ctx, cancel := c.step()
	f.watch, err = f.client.AddWatch(ctx, c.args[0], options...)
	cancel()
	if err != nil {
		return err
	}
	defer f.watch.Close()
	for range count {
		if err := f.next(); errors.Is(err, context.Canceled) {
			break // the usual end
		} else if err != nil {
			return err
		}
	}
	return f.program.result()
}

// next waits for an event and does with it what is to be done.
func (f *following) next() error {
	for {
		select {
		case <-f.call.ctx.Done():
			return f.call.ctx.Err()
		case <-f.news.changed():
		case e, ok := <-f.watch.C():
			switch {
			case !ok:
				return f.watch.Err()
			case f.program != nil:
				return f.program.run(e)
			}
			r := newEventRecord(e, f.call.has(valuesOption.long))
			r.bare = true
			return f.call.give(r)
		}
	}
}
