package main

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/coxswain-io/coxswain/client"
)

// complete offers what may stand at the cursor, pos characters into the line: a command, one of its options, or a path. What
// is right of the cursor stays.
func (s *shell) complete(line string, pos int) (head string, candidates []string, tail string) {
	runes := []rune(line)
	left, tail := string(runes[:pos]), string(runes[pos:])
	begin := strings.LastIndexFunc(left, unicode.IsSpace) // of the word, less its first byte
	if begin >= 0 {
		_, width := utf8.DecodeRuneInString(left[begin:])
		begin += width
	}
	begin = max(begin, 0)
	head, partial := left[:begin], left[begin:]
	before, err := splitWords(head)
	if err != nil {
		return left, nil, tail // inside quotes
	}
	return head, s.candidates(before, partial), tail
}

// candidates are the completions of partial, the word behind the words before it.
func (s *shell) candidates(before []word, partial string) []string {
	if len(before) == 0 {
		return completed(partial, s.names())
	}
	v, err := s.find(before[0].text)
	if err != nil {
		return nil
	}
	args := 0
	for i := 1; i < len(before); i++ {
		w := before[i]
		if !w.bare || !strings.HasPrefix(w.text, "-") {
			args++
			continue
		}
		if o, err := v.named(w.text); err == nil && o[len(o)-1].value != "" {
			if i == len(before)-1 {
				return completed(partial, optionValues(o[len(o)-1]))
			}
			i++ // its value is no argument
		}
	}
	switch {
	case strings.HasPrefix(partial, "-"):
		return completed(partial, v.optionNames())
	case v.name == "help" && args == 0:
		return completed(partial, s.names())
	case len(v.actions) > 0 && args == 0:
		return completed(partial, v.actions)
	case v.name == "kill-session" && args == 0:
		return completed(partial, s.sessionIDs())
	case args < v.paths, v.raw && strings.HasPrefix(partial, "/"):
		return s.paths(partial)
	}
	return nil
}

// completed are the words that begin with partial, each with the space behind it.
func completed(partial string, words []string) []string {
	var found []string
	for _, w := range words {
		if strings.HasPrefix(w, partial) {
			found = append(found, w+" ")
		}
	}
	return found
}

func (v *verb) optionNames() []string {
	var names []string
	for _, o := range slices.Concat(v.options, everywhere) {
		if o.short != "" {
			names = append(names, "-"+o.short)
		}
	}
	for _, o := range slices.Concat(v.options, everywhere) {
		names = append(names, "--"+o.long)
	}
	return names
}

func optionValues(o option) []string {
	switch o.long {
	case levelOption.long:
		return []string{"linearizable", "session"}
	case "mode":
		return watchModes
	case "type":
		var names []string
		for _, k := range nodeKinds {
			names = append(names, k.String())
		}
		return names
	}
	return nil
}

// sessionIDs are the ids of the first sessions.
func (s *shell) sessionIDs() (ids []string) {
	if s.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionMax)
	defer cancel()
	for e, err := range s.client.Sessions(ctx, client.AtLevel(client.Session)) {
		if err != nil || len(ids) == completionNames {
			break
		}
		ids = append(ids, e.ID.String())
	}
	return ids
}

// paths are the nodes whose path begins with partial. It asks for one page of the parent's children and does not wait
// long: Tab must not make the user wait for a service that is away.
func (s *shell) paths(partial string) []string {
	if partial == "" {
		return []string{"/"}
	}
	if s.client == nil || partial[0] != '/' {
		return nil
	}
	slash := strings.LastIndexByte(partial, '/')
	parent, prefix := partial[:max(slash, 1)], partial[slash+1:]
	ctx, cancel := context.WithTimeout(context.Background(), completionMax)
	defer cancel()
	children := s.childrenFrom(ctx, parent, prefix)
	var found []string
	for _, child := range children {
		path := quoteWord(childOf(parent, child.Name))
		if child.Stat.NumChildren == 0 {
			path += " "
		} else if path[0] != '"' {
			path += "/"
		}
		found = append(found, path)
	}
	return found
}

// childrenFrom are the first children of parent whose names begin with prefix.
func (s *shell) childrenFrom(ctx context.Context, parent, prefix string) []client.Child {
	options := []client.ReadOption{client.AtLevel(client.Session), client.WithStats()}
	page, err := s.client.ChildrenPage(ctx, parent, prefix, completionNames, options...)
	if err != nil {
		return nil
	}
	children := slices.DeleteFunc(page.Children, func(c client.Child) bool { return !strings.HasPrefix(c.Name, prefix) })
	if prefix == "" {
		return children
	}
	// A page begins behind the name that it is asked to follow, and that one may be there, too.
	stat, there, err := s.client.Exists(ctx, childOf(parent, prefix), client.AtLevel(client.Session))
	if err == nil && there {
		children = append([]client.Child{{Name: prefix, Stat: stat}}, children...)
	}
	return children
}
