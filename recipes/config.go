package recipes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

var (
	// ErrInvalid: a value is not what its type or its validation demands. It wraps the reason.
	ErrInvalid = errors.New("invalid value")

	// ErrNoVersion: there is no value, or its version is not in the history (any more).
	ErrNoVersion = errors.New("no such version")
)

// Config is a typed value that is set seldom and followed by many: settings, a feature's switch, a routing table. It has
// versions, which can be listed and rolled back to, and is checked before it is written and again by everybody who reads it.
//
//	/config/limits                  {"rate":100}                           the value, in JSON, as any client can read it
//	/config/limits/v-0000000007     {"value":{"rate":80},"by":"0x1f",…}    version 7, before that
//	/config/limits/v-0000000008     {"value":{"rate":100},…}               version 8, the present one
//
// It guarantees:
//   - A [Config.Set] is one transaction, which writes the value and its version and forgets the oldest ones. Versions are
//     numbered from 1 in the order of the transactions, and a number is not used twice while the path lives.
//   - What does not pass the validation is not written, and not served either if a stranger writes it: a [ConfigWatch] stays
//     with the last good value and tells.
//   - [Config.Rollback] goes forward: it writes the old value as a new version, so nobody's version ever decreases.
//   - [Config.Update] loses no other's change.
//
// What it cannot: make all processes change at the same moment; each learns of a change when it hears of it. Values that must
// change together belong in one Config. When somebody deletes the whole path and it is set again, numbers begin at 1 again;
// [Versioned].Zxid does not, and is what says whether two values are the same and which one is newer. Nodes copied or moved
// elsewhere keep the numbers of their versions, and all have the Zxid of the copying: [IfCurrent] with that of an older one, read
// from the history, passes until the next Set.
//
// A stranger who sets the node past the recipe makes a version too, the next one, which is not in the history until the next Set
// takes it over, with the Zxid and the time that it had. Several of them, one after another, have the same number, and only the
// last is taken over. Nodes below the path that are not versions are left alone, so configs may be nested; there may be some
// thousands of them, and what has more is refused with client.ErrTooMany.
//
// Costs: a Get is two reads, of the value and of its version, the second one at the server at hand; a Set is that and a write,
// all again each time when somebody else was faster; one event and two reads per watch and change. The service has the present
// value twice in memory and each older one once. A value may have a few hundred bytes less than a mebibyte.
//
// Counterparts: Curator's SharedValue and PersistentNode have no history; in etcd and Consul the history is compacted away
// under the user, and nothing validates. A Config is stateless: all methods may be called from any goroutine.
type Config[T any] struct {
	c        *client.Client
	path     string
	keep     int
	validate func(T) error
}

// ConfigOption changes a config.
type ConfigOption[T any] func(*Config[T])

// WithValidation makes f decide which values are good; it returns why one is not. It is called by whoever reads or writes, at
// any time and in any goroutine. Default: all that JSON makes a T of.
func WithValidation[T any](f func(T) error) ConfigOption[T] {
	return func(cf *Config[T]) { cf.validate = f }
}

// WithHistory makes the config keep the newest n versions, the present one included, at least 1 and at most 1000. Each Set
// prunes by the number of its own config. Default: 50.
func WithHistory[T any](n int) ConfigOption[T] {
	return func(cf *Config[T]) { cf.keep = min(max(n, 1), historyMax) }
}

// NewConfig returns the config of a path, which need not exist. It does not ask the service.
func NewConfig[T any](c *client.Client, path string, options ...ConfigOption[T]) *Config[T] {
	cf := &Config[T]{c: c, path: path, keep: historyDefault, validate: func(T) error { return nil }}
	for _, o := range options {
		o(cf)
	}
	return cf
}

// Versioned is a value with its version.
type Versioned[T any] struct {
	Value   T
	Version int64       // 1, 2, 3 …; 0: there is no value
	Zxid    client.Zxid // the transaction that wrote it; identifies the version, and orders it among all others
	Time    time.Time   // when, by the writer's server's clock

	// Of a version in the history only.
	By      client.SessionID // the session that wrote it, 0 if that is not known
	Comment string
	Err     error // why the value is not usable, an [ErrInvalid]; Value is the zero value then
}

// ConfigSetOption changes how a value is set.
type ConfigSetOption func(*configChange)

// configChange is what a Set writes besides the value, and under which condition.
type configChange struct {
	comment string
	guarded bool
	current client.Zxid
}

// WithComment keeps a text with the version, for those who read the history.
func WithComment(text string) ConfigSetOption { return func(ch *configChange) { ch.comment = text } }

// IfCurrent makes the change depend on the present value being the one with this [Versioned].Zxid, 0 for none at all. Otherwise
// it fails with client.ErrMismatch. Default: whatever is there is replaced.
func IfCurrent(z client.Zxid) ConfigSetOption {
	return func(ch *configChange) { ch.guarded, ch.current = true, z }
}

func configChangeOf(options []ConfigSetOption) configChange {
	var ch configChange
	for _, o := range options {
		o(&ch)
	}
	return ch
}

// Get returns the present value. Errors: [ErrNoVersion] if there is none, [ErrInvalid] if a stranger has written one that is
// not good; Version, Zxid and Time are told then all the same.
func (cf *Config[T]) Get(ctx context.Context) (Versioned[T], error) {
	r, err := readRevision(ctx, cf.c, cf.path, client.AtLevel(client.Linearizable))
	if err != nil {
		return Versioned[T]{}, failed("get", cf.path, err)
	}
	v, err := cf.versioned(r)
	return v, failed("get", cf.path, err)
}

// Set makes a value the present one, and returns it with its version. If ctx ends first, it may still be written. Errors:
// [ErrInvalid], and nothing is asked of the service; client.ErrMismatch with [IfCurrent]; client.ErrTooLarge; those of
// [client.Client.Create].
func (cf *Config[T]) Set(ctx context.Context, value T, options ...ConfigSetOption) (Versioned[T], error) {
	v, err := cf.write(ctx, configChangeOf(options), func(*revision) (T, []client.Op, error) { return value, nil, nil })
	return v, failed("set", cf.path, err)
}

// Update makes what f returns for the present value the next one. If somebody else sets another one meanwhile f is called
// again, with that. It gets the zero value if there is none. Errors: that of f, and nothing is written; [ErrInvalid] for the
// present value or the new one; those of [Config.Set].
func (cf *Config[T]) Update(ctx context.Context, f func(T) (T, error), options ...ConfigSetOption) (Versioned[T], error) {
	v, err := cf.write(ctx, configChangeOf(options), func(r *revision) (value T, _ []client.Op, err error) {
		var present Versioned[T]
		if r.version > 0 {
			if present, err = cf.versioned(*r); err != nil {
				return value, nil, err
			}
		}
		value, err = f(present.Value)
		return value, nil, err
	})
	return v, failed("update", cf.path, err)
}

// Rollback makes the value of an older version the present one, as a new version, which it returns. The comment says so unless
// another is given. Errors: [ErrNoVersion], [ErrInvalid] if the value is not good any more, those of [Config.Set].
func (cf *Config[T]) Rollback(ctx context.Context, version int64, options ...ConfigSetOption) (Versioned[T], error) {
	ch := configChangeOf(options)
	if ch.comment == "" {
		ch.comment = fmt.Sprintf("rollback to version %d", version)
	}
	v, err := cf.write(ctx, ch, func(*revision) (value T, _ []client.Op, err error) {
		e, err := readVersion(ctx, cf.c, cf.path, version)
		if err != nil {
			return value, nil, err
		}
		old := cf.past(e)
		return old.Value, []client.Op{client.CheckOp(e.path, client.IfCzxid(e.stat.Czxid))}, old.Err
	})
	return v, failed("rollback", cf.path, err)
}

// At returns a version of the history. Errors: [ErrNoVersion], [ErrInvalid]; the version is told then all the same.
func (cf *Config[T]) At(ctx context.Context, version int64) (Versioned[T], error) {
	e, err := readVersion(ctx, cf.c, cf.path, version)
	if err != nil {
		return Versioned[T]{}, failed("get", cf.path, err)
	}
	v := cf.past(e)
	return v, failed("get", cf.path, v.Err)
}

// History returns the versions that are kept, the newest first. What is not usable has its Err. A path that does not exist has
// none.
func (cf *Config[T]) History(ctx context.Context) ([]Versioned[T], error) {
	kept, err := readHistory(ctx, cf.c, cf.path)
	if err != nil {
		return nil, failed("history", cf.path, err)
	}
	versions := make([]Versioned[T], len(kept))
	for i, e := range kept {
		versions[len(kept)-1-i] = cf.past(e)
	}
	return versions, nil
}

// write writes the value that next makes of the present one, with the operations that guard it, until nobody else is faster.
func (cf *Config[T]) write(ctx context.Context, ch configChange, next func(*revision) (T, []client.Op, error)) (Versioned[T], error) {
	for {
		r, err := readRevision(ctx, cf.c, cf.path, client.AtLevel(client.Linearizable))
		if err != nil {
			return Versioned[T]{}, err
		}
		if err := ch.allowed(&r); err != nil {
			return Versioned[T]{}, err
		}
		value, guards, err := next(&r)
		if err != nil {
			return Versioned[T]{}, err
		}
		data, err := cf.encode(value)
		if err != nil {
			return Versioned[T]{}, err
		}
		stat, overtaken, err := r.replace(ctx, cf.c, cf.path, data, ch.comment, cf.keep, guards)
		if !overtaken {
			if err != nil {
				return Versioned[T]{}, err
			}
			return Versioned[T]{Value: value, Version: r.next(), Zxid: stat.Mzxid, Time: time.UnixMilli(stat.MtimeMS)}, nil
		}
	}
}

// versioned returns the present value.
func (cf *Config[T]) versioned(r revision) (Versioned[T], error) {
	if r.version == 0 {
		return Versioned[T]{}, fmt.Errorf("%w: nothing is set", ErrNoVersion)
	}
	value, err := cf.decode(r.data)
	return Versioned[T]{Value: value, Version: r.version, Zxid: r.stat.Mzxid, Time: time.UnixMilli(r.stat.MtimeMS)}, err
}

// past returns a version of the history.
func (cf *Config[T]) past(e keptVersion) Versioned[T] {
	v := Versioned[T]{Version: e.number, Zxid: e.stat.Czxid, Time: time.UnixMilli(e.stat.CtimeMS)}
	var r versionRecord
	if v.Err = json.Unmarshal(e.data, &r); v.Err != nil {
		v.Err = fmt.Errorf("%w: %w", ErrInvalid, v.Err)
		return v
	}
	v.By, v.Comment = r.session(), r.Comment
	if r.Zxid > 0 && r.Zxid < v.Zxid {
		v.Zxid, v.Time = r.Zxid, time.UnixMilli(r.Time)
	}
	v.Value, v.Err = cf.decode(r.Value)
	return v
}

// encode returns the JSON of a value that is good as everybody will read it.
func (cf *Config[T]) encode(value T) ([]byte, error) {
	data, err := marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	_, err = cf.decode(data)
	return data, err
}

func (cf *Config[T]) decode(data []byte) (T, error) {
	var value, none T
	err := json.Unmarshal(data, &value)
	if err == nil {
		err = cf.validate(value)
	}
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return value, nil
}
