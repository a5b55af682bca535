package recipes

import (
	"context"
	"encoding/json"

	"github.com/coxswain-io/coxswain/client"
)

// Value is one value that many processes read and replace: a pointer to the present file, the name of the primary, a small
// state that several advance in turn. It is the data of the node at its path, nothing else: as they are if T is []byte or
// string, in JSON otherwise. A node without data has the zero value.
//
//	/app/primary    "db-3"    persistent; its parents are made with it
//
// The version of a value is the zxid of the transaction that wrote it, 0 if there is no node. It identifies that writing for
// ever: a node that was deleted and made again never has a version of its predecessor, nor does a value that has come back to
// what it was (no ABA). Greater versions are newer.
//
// It guarantees:
//   - [Value.CompareAndSet] writes if nobody has written since the version was read, and otherwise nothing.
//   - [Value.Update] loses no other's change. Of those that meet one gets through at a time, whoever is slow or dies, so all
//     together never stand still; one alone may be overtaken again and again by others, without an order.
//   - Reads show all that had been written before they were made.
//
// What it cannot: keep somebody from writing who does not go by the rules; [ErrInvalid] says so where T shows it. Who acts upon
// a value acts upon an old one, perhaps, by the time he does; what must not outlive its time is guarded by a [Hold].
//
// Costs: one read for Get and one write for Set and CompareAndSet; for Update one read and one write, and one write more for
// each time when another was faster: the write that loses brings the new value.
//
// Counterparts: Curator's SharedValue, whose version is the node's and begins anew with it; etcd's STM on one key. For history,
// validation and rollback see [Config], for numbers [Counter]. A Value is stateless: all methods may be called from any goroutine.
type Value[T any] struct{ cell cell }

// NewValue returns the value of a path, which need not exist. It does not ask the service.
func NewValue[T any](c *client.Client, path string) *Value[T] {
	return &Value[T]{cell{c: c, path: path}}
}

// Get returns the value and its version; the zero value and 0 if there is none. Errors: [ErrInvalid] if the data are not a T's,
// the version is told then all the same; those of [client.Client.Get].
func (v *Value[T]) Get(ctx context.Context) (T, client.Zxid, error) {
	value, version, err := v.decode(v.cell.read(ctx))
	return value, version, failed("get", v.cell.path, err)
}

// Set replaces the value, whatever it is, and returns the version of the new one. If ctx ends first, it may still be written.
// Errors: [ErrInvalid] if JSON has no text for the value; those of [client.Client.Create] and [client.Client.Set].
func (v *Value[T]) Set(ctx context.Context, value T) (client.Zxid, error) {
	data, err := v.encode(value)
	if err != nil {
		return 0, failed("set", v.cell.path, err)
	}
	now, err := v.cell.put(ctx, data)
	return now.mzxid, failed("set", v.cell.path, err)
}

// CompareAndSet replaces the value if version is still the present one, 0 for none at all. It returns the version that is
// there afterwards, and whether that is the one it wrote. If ctx ends first, it may still be written. Errors as for [Value.Set].
func (v *Value[T]) CompareAndSet(ctx context.Context, version client.Zxid, value T) (now client.Zxid, swapped bool, err error) {
	data, err := v.encode(value)
	if err != nil {
		return 0, false, failed("set", v.cell.path, err)
	}
	held, swapped, err := v.cell.swap(ctx, version, data, nil, nil)
	return held.mzxid, swapped, failed("set", v.cell.path, err)
}

// Update replaces the value by what change makes of it, and returns the new one and its version. change is called again with
// the newer value each time when somebody else was faster, so it must have no effects; it gets the zero value if there is none.
// An error of change ends Update, which writes nothing then and returns it, wrapped. If ctx ends during a write, it may still be
// carried out. Other errors: those of [Value.Get] and [Value.Set].
func (v *Value[T]) Update(ctx context.Context, change func(T) (T, error)) (T, client.Zxid, error) {
	value, version, err := v.update(ctx, change)
	return value, version, failed("update", v.cell.path, err)
}

func (v *Value[T]) update(ctx context.Context, change func(T) (T, error)) (none T, version client.Zxid, err error) {
	now, err := v.cell.read(ctx)
	for {
		var value T
		if value, version, err = v.decode(now, err); err != nil {
			return none, 0, err
		}
		if value, err = change(value); err != nil {
			return none, 0, err
		}
		data, err := v.encode(value)
		if err != nil {
			return none, 0, err
		}
		swapped := false
		now, swapped, err = v.cell.swap(ctx, version, data, nil, nil)
		if swapped || err != nil {
			return value, now.mzxid, err
		}
	}
}

// encode returns the data of a value.
func (v *Value[T]) encode(value T) ([]byte, error) {
	switch x := any(value).(type) {
	case []byte:
		return x, nil
	case string:
		return []byte(x), nil
	}
	data, err := marshal(value)
	if err != nil {
		return nil, invalid(err)
	}
	return data, nil
}

// decode returns the value and the version of what was read.
func (v *Value[T]) decode(now content, err error) (T, client.Zxid, error) {
	var value, none T
	if err != nil {
		return none, 0, err
	}
	switch x := any(&value).(type) {
	case *[]byte:
		*x = now.data
	case *string:
		*x = string(now.data)
	default:
		if len(now.data) == 0 {
			break
		}
		if err := json.Unmarshal(now.data, &value); err != nil {
			return none, now.mzxid, invalid(err)
		}
	}
	return value, now.mzxid, nil
}
