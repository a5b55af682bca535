package recipes

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// Term is who leads in an election, and with what value.
type Term struct {
	Zxid    client.Zxid      // the term, which is its leader's fence; 0: nobody leads
	Value   []byte           // as the leader has proclaimed it, the receiver's own; nil if it is empty
	Path    string           // of the leader's node
	Session client.SessionID // of the leader

	// At is the transaction as of which it is so: the one that has made it so, or, in what does not follow from changes that
	// were seen, the one as of which the service was asked.
	At client.Zxid

	// Missed: there may have been other terms, or other values of this one, between the one told before and this one.
	Missed bool
}

// succession computes who leads in an election from its nodes and from what happens to them. It asks nobody.
//
// The candidate whose node was created first leads. That is also the first in line, but when the election's node is deleted
// and made again the numbers of the line begin anew, and those of the transactions do not.
type succession struct {
	path string
	line []candidate // in the order of the terms

	told   *Term // the newest that next has returned; nil before
	missed bool  // the line comes from a list, and it is not known how it came to be that
}

type candidate struct {
	path  string
	value []byte
	stat  client.Stat
}

// compare orders candidates by their terms. Nodes of one term are there only if somebody has moved or copied the tree.
func (c candidate) compare(other candidate) int {
	return cmp.Or(cmp.Compare(c.stat.Czxid, other.stat.Czxid), compareSequences(sequence(c.path), sequence(other.path)))
}

// list makes the line what the service says that it is, and returns as of which transaction.
func (s *succession) list(ctx context.Context, c *client.Client, options ...client.ReadOption) (client.Zxid, error) {
	var at client.Zxid
	s.line = nil
	for entry, err := range c.List(ctx, s.path, append(options, client.WithStats(), client.WithData(), client.WithZxid(&at))...) {
		switch {
		case errors.Is(err, client.ErrNoNode):
			return at, nil
		case err != nil:
			return 0, err
		}
		s.put(candidate{entry.Path, entry.Data, entry.Stat})
	}
	return at, nil
}

// apply changes the line by an event of a recursive watch that brings nodes.
func (s *succession) apply(e *client.Event) {
	switch e.Type {
	case client.EventCreated, client.EventDataChanged:
		s.put(candidate{e.Path, e.Data, e.Stat})
	case client.EventDeleted:
		s.remove(e.Path)
	}
}

func (s *succession) put(c candidate) {
	name, below := strings.CutPrefix(c.path, join(s.path, ""))
	if !below || strings.Contains(name, "/") || sequence(name) == "" {
		return
	}
	s.remove(c.path)
	at, _ := slices.BinarySearchFunc(s.line, c, candidate.compare)
	s.line = slices.Insert(s.line, at, c)
}

func (s *succession) remove(path string) {
	s.line = slices.DeleteFunc(s.line, func(c candidate) bool { return c.path == path })
}

// next returns who leads as of a transaction whose changes were all applied, and whether that is news: another term than was told
// before, another value, or something that was missed.
func (s *succession) next(at client.Zxid) (Term, bool) {
	now := Term{At: at, Missed: s.missed}
	var since client.Zxid
	if len(s.line) > 0 {
		first := s.line[0]
		now.Zxid, now.Value, now.Path, now.Session = first.stat.Czxid, first.value, first.path, client.SessionID(first.stat.Owner)
		since = first.stat.Mzxid
	}
	missed := s.missed
	s.missed = false
	if s.told != nil && s.told.Zxid == now.Zxid && s.told.Path == now.Path && since <= s.told.At {
		// As terms only grow, a term that still lasts has lasted all the time. Nobody and nobody may be others in between.
		if !missed || now.Zxid != 0 {
			return *s.told, false
		}
	}
	s.told = &now
	return now, true
}
