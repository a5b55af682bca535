package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// option is what a command can be told beside its arguments. Short names are zkCli's.
type option struct {
	short string // without the "-"; may be empty
	long  string // without the "--"; also the key of its value
	value string // what the usage calls its value; empty if it takes none
	help  string
}

// Options that several commands have.
var (
	jsonOption    = option{"", "json", "", "JSON instead of text, one object to a line"}
	timeoutOption = option{"", "timeout", "DURATION", "for this command, instead of the shell's: 500ms, 1m"}
	levelOption   = option{"", "level", "LEVEL", "session: what the server at hand knows; linearizable: all (default)"}
	atLeastOption = option{"", "at-least", "ZXID", "see that transaction, which another command has told, and all before it"}
	statOption    = option{"s", "stat", "", "print the stat as well"}
	watchOption   = option{"w", "watch", "", "set a one-shot watch; cox COMMAND waits until it fires"}
	versionOption = option{"v", "version", "VERSION", "only if the node's data version is VERSION"}
	fileOption    = option{"", "data-file", "FILE", "take the data from FILE (not in the shell or a script)"}
)

// freshness is the options of all reads.
var freshness = []option{levelOption, atLeastOption}

// guards are the options of writes that depend on how the node is.
var guards = []option{
	versionOption,
	{"", "if-czxid", "ZXID", "only if the node was created by that transaction: it is still the same node"},
	{"", "if-mzxid", "ZXID", "only if the node's data were last set by that transaction"},
	{"", "if-data", "DATA", "only if the node has exactly these data"},
}

// withOptions is a verb's own options, and some that several have.
func withOptions(own []option, shared ...option) []option { return slices.Concat(own, shared) }

// everywhere are the options of all commands.
var everywhere = []option{jsonOption, timeoutOption}

// usageError is a command line that cannot be understood: exit status 2.
type usageError struct {
	text string
	verb *verb // whose usage to show; nil: none
}

func (e *usageError) Error() string { return e.text }

// helpWanted is a command line that asks what the command does.
type helpWanted struct{ verb *verb }

func (e *helpWanted) Error() string { return "type help " + e.verb.name }

// parsed is a command's options and arguments.
type parsed struct {
	args    []string
	values  map[string]string // by long name; present if given
	command []string          // of a verb that runs a program: what follows "--"; nil if there is none
}

// parse takes options wherever they stand, as zkCli does. A quoted word is an argument, and so is all that follows "--".
func (v *verb) parse(words []word) (parsed, error) {
	p := parsed{values: map[string]string{}}
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w.bare && w.text == "--" && v.program {
			if p.command = texts(words[i+1:]); len(p.command) == 0 {
				return p, v.misuse("a program to run is missing after --")
			}
			break
		}
		if w.bare && w.text == "--" {
			p.args = append(p.args, texts(words[i+1:])...)
			break
		}
		if !w.bare || len(w.text) < 2 || w.text[0] != '-' {
			p.args = append(p.args, w.text)
			continue
		}
		names, value, hasValue := strings.Cut(w.text, "=")
		options, err := v.named(names)
		if err != nil {
			return p, err
		}
		for _, o := range options {
			switch {
			case o.value == "" && hasValue:
				return p, v.misuse("option %s takes no value", names)
			case o.value != "" && len(options) > 1:
				return p, v.misuse("option -%s takes a value and must stand alone", o.short)
			case o.value != "" && !hasValue:
				if i++; i == len(words) {
					return p, v.misuse("option %s takes a value: %s", names, o.value)
				}
				value = words[i].text
			}
			if _, twice := p.values[o.long]; twice {
				return p, v.misuse("option %s is given twice", names)
			}
			p.values[o.long] = value
		}
	}
	return p, v.countArgs(p.args)
}

// named finds the option "--long" or "-s", or the options of the bundle "-sw".
func (v *verb) named(name string) ([]option, error) {
	all := slices.Concat(v.options, everywhere)
	bare := strings.TrimLeft(name, "-")
	if i := slices.IndexFunc(all, func(o option) bool { return name == "-"+o.short || name == "--"+o.long }); i >= 0 {
		return all[i : i+1], nil
	}
	var bundle []option
	for _, letter := range bare {
		i := slices.IndexFunc(all, func(o option) bool { return o.short == string(letter) })
		if i < 0 || strings.HasPrefix(name, "--") {
			hint := "to give it as an argument, quote it or write -- before it"
			if near := nearest(bare, longNames(all)); near != "" {
				hint = "did you mean --" + near + "?"
			}
			if bare == "help" || bare == "h" {
				return nil, &helpWanted{v}
			}
			return nil, v.misuse("%s has no option %s: %s", v.name, name, hint)
		}
		bundle = append(bundle, all[i])
	}
	return bundle, nil
}

func longNames(options []option) []string {
	var names []string
	for _, o := range options {
		names = append(names, o.long)
	}
	return names
}

func (v *verb) countArgs(args []string) error {
	switch {
	case len(args) < v.argsMin && v.argsMin > 0:
		return v.misuse("%s: %s is missing", v.name, strings.Fields(v.args)[len(args)])
	case v.argsMax >= 0 && len(args) > v.argsMax:
		extra := escape(args[v.argsMax])
		if v.argsMax == 0 {
			return v.misuse("%s takes no argument, but there is %q", v.name, extra)
		}
		return v.misuse("%s: too many arguments, from %q on: quote what contains spaces", v.name, extra)
	}
	return nil
}

// misuse is a usageError that shows v's usage.
func (v *verb) misuse(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), v}
}

// has reports whether the option with this long name was given.
func (p parsed) has(long string) bool {
	_, ok := p.values[long]
	return ok
}

// version returns the expected data version, and whether there is one.
func (p parsed) version(v *verb) (int64, bool, error) {
	text, ok := p.values[versionOption.long]
	if !ok {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, false, v.misuse("-v takes a number from 0, not %q: leave it out to accept any version", escape(text))
	}
	return n, true, nil
}

// number returns the value of an option that takes a whole number from 1 to most; otherwise if it was not given.
func (p parsed) number(v *verb, long string, most, otherwise int) (int, error) {
	text, ok := p.values[long]
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		name := "--" + long
		if i := slices.IndexFunc(v.options, func(o option) bool { return o.long == long && o.short != "" }); i >= 0 {
			name = "-" + v.options[i].short
		}
		return 0, v.misuse("%s takes a number from 1 to %d, not %q", name, most, escape(text))
	}
	return n, nil
}

// zxid returns the transaction that an option names, and whether it was given.
func (p parsed) zxid(v *verb, long string) (client.Zxid, bool, error) {
	text, ok := p.values[long]
	if !ok {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, false, v.misuse("--%s takes the number of a transaction such as 0x1f, not %q", long, escape(text))
	}
	return client.Zxid(n), true, nil
}

// guard returns the write options for what is expected of the node.
func (p parsed) guard(v *verb) ([]client.WriteOption, error) {
	var all []client.WriteOption
	version, ok, err := p.version(v)
	if err != nil {
		return nil, err
	}
	if ok {
		all = append(all, client.IfVersion(version))
	}
	for _, expected := range []struct {
		long string
		of   func(client.Zxid) client.WriteOption
	}{{"if-czxid", client.IfCzxid}, {"if-mzxid", client.IfMzxid}} {
		z, ok, err := p.zxid(v, expected.long)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, expected.of(z))
		}
	}
	if p.has("if-data") {
		all = append(all, client.IfData([]byte(p.values["if-data"])))
	}
	return all, nil
}

// level returns the read options for --level and --at-least.
func (p parsed) level(v *verb) ([]client.ReadOption, error) {
	z, ok, err := p.zxid(v, atLeastOption.long)
	switch text := p.values[levelOption.long]; {
	case err != nil:
		return nil, err
	case ok && p.has(levelOption.long):
		return nil, v.misuse("--at-least is a level of its own: it excludes --level")
	case ok:
		return []client.ReadOption{client.AtLeast(z)}, nil
	case !p.has(levelOption.long):
		return nil, nil
	case text == "session":
		return []client.ReadOption{client.AtLevel(client.Session)}, nil
	case text == "linearizable":
		return []client.ReadOption{client.AtLevel(client.Linearizable)}, nil
	default:
		return nil, v.misuse("--level is session or linearizable, not %q", escape(text))
	}
}

// duration reads zkCli's milliseconds, or a number with a unit.
func duration(text string) (time.Duration, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		const most = int64(1<<63-1) / int64(time.Millisecond)
		if ms < 1 || ms > most {
			return 0, errors.New("out of range")
		}
		return time.Duration(ms) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < time.Millisecond {
		err = errors.New("less than a millisecond")
	}
	return d, err
}
