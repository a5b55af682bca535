package recipes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// versionPrefix begins the names of the nodes that keep the versions of a config.
const versionPrefix = "v-"

// versionRecord is what such a node has.
type versionRecord struct {
	Value   json.RawMessage `json:"value"`
	By      string          `json:"by,omitempty"` // the session that wrote it
	Comment string          `json:"comment,omitempty"`

	// Of a value that was taken over, from its own stat.
	Zxid client.Zxid `json:"zxid,omitempty"`
	Time int64       `json:"time,omitempty"` // in milliseconds since 1970
}

func (r versionRecord) session() client.SessionID {
	id, _ := strconv.ParseUint(r.By, 0, 64) // 0 if a stranger has written it
	return client.SessionID(id)
}

// keptVersion is a node of the history.
type keptVersion struct {
	number int64
	path   string
	data   []byte
	stat   client.Stat
}

// revision is the node of a config and its history, as of one moment.
type revision struct {
	zxid client.Zxid // of the moment
	data []byte
	stat client.Stat // zero: there is no node
	kept []int64     // the versions in the history, ascending

	version int64 // of the data; 0: there are none
	foreign bool  // somebody has written them past the recipe, so the version is not in the history
}

// readRevision returns the revision of a path.
//
// The number of the data is not in them, so that anybody can read and write those. Whoever writes through the recipe makes a
// version with them in the same transaction; so they are those of the newest version, unless that is older or has others. It can
// be as old and have others if a stranger's were copied together with the history.
func readRevision(ctx context.Context, c *client.Client, path string, options ...client.ReadOption) (revision, error) {
	for {
		results, zxid, err := c.MultiRead(ctx, []client.ReadOp{client.GetOf(path), client.ChildrenOf(path)}, options...)
		if err != nil {
			return revision{}, err
		}
		node, children := results[0], results[1]
		switch {
		case errors.Is(node.Err, client.ErrNoNode):
			return revision{zxid: zxid}, nil
		case node.Err != nil || children.Err != nil:
			return revision{}, errors.Join(node.Err, children.Err)
		case children.More:
			return revision{}, fmt.Errorf("%w: children; a config's path is its own", client.ErrTooMany)
		}
		r := revision{zxid: zxid, data: node.Data, stat: node.Stat, kept: numbers(children.Children)}
		switch newest := r.newest(); {
		case len(r.data) == 0: // made as somebody's parent, or emptied
			return r, nil
		case newest == 0, r.stat.Pzxid < r.stat.Mzxid:
			r.foreign = true
		default:
			version, err := c.Get(ctx, versionPath(path, newest), client.AtLeast(zxid))
			if errors.Is(err, client.ErrNoNode) || err == nil && version.Stat.Mzxid > zxid {
				continue // that was a moment ago, and the next revision shows more
			} else if err != nil {
				return revision{}, err
			}
			r.foreign = version.Stat.Czxid < r.stat.Mzxid || !keeps(version.Data, r.data)
		}
		if r.version = r.newest(); r.foreign {
			r.version++
		}
		return r, nil
	}
}

// keeps reports whether a version, whose data are given, has that value.
func keeps(version, value []byte) bool {
	var r versionRecord
	return json.Unmarshal(version, &r) == nil && bytes.Equal(r.Value, value)
}

// newest is the newest version in the history, 0 if there is none.
func (r *revision) newest() int64 {
	if len(r.kept) == 0 {
		return 0
	}
	return r.kept[len(r.kept)-1]
}

// next is the number of the version after this one.
func (r *revision) next() int64 { return max(r.version, r.newest()) + 1 }

// allowed returns why the change may not be made to r.
func (ch configChange) allowed(r *revision) error {
	present := r.stat.Mzxid
	if r.version == 0 {
		present = 0
	}
	if !ch.guarded || ch.current == present {
		return nil
	}
	return fmt.Errorf("%w: version %d of %v is the present one", client.ErrMismatch, r.version, present)
}

// replace writes data as the version after r, in one transaction with operations that guard it. It is overtaken if somebody
// else has changed something since r was read.
func (r *revision) replace(ctx context.Context, c *client.Client, path string, data []byte, comment string, keep int,
	guards []client.Op) (_ client.Stat, overtaken bool, _ error) {
	ops := []client.Op{client.CreateOp(path, data, client.Parents())}
	if r.stat.Mzxid != 0 {
		ops[0] = client.SetOp(path, data, client.IfMzxid(r.stat.Mzxid)) // no two values, of whatever node, have the same
	}
	ops = append(ops, guards...)
	kept := slices.Clone(r.kept)
	if r.foreign && json.Valid(r.data) && len(r.data)+2*len(data) <= takeoverBytesMax {
		taken, err := marshal(versionRecord{Value: r.data, Comment: "set by another program, found here by the next set",
			Zxid: r.stat.Mzxid, Time: r.stat.MtimeMS})
		if err != nil {
			return client.Stat{}, false, err
		}
		ops = append(ops, client.CreateOp(versionPath(path, r.version), taken))
		kept = append(kept, r.version)
	}
	made, err := marshal(versionRecord{Value: data, By: c.Session().ID.String(), Comment: comment})
	if err != nil {
		return client.Stat{}, false, err
	}
	ops = append(ops, client.CreateOp(versionPath(path, r.next()), made))
	if old := len(kept) + 1 - keep; old > 0 {
		for _, number := range kept[:min(old, pruneMax)] {
			ops = append(ops, client.DeleteTreeOp(versionPath(path, number)))
		}
	}
	results, err := c.Multi(ctx, ops...)
	switch {
	case err == nil:
		return results[0].Stat, false, nil
	case errors.Is(err, client.ErrMismatch), errors.Is(err, client.ErrNoNode), errors.Is(err, client.ErrNodeExists):
		return client.Stat{}, true, err
	}
	return client.Stat{}, false, err
}

// readVersion returns one version of the history.
func readVersion(ctx context.Context, c *client.Client, path string, number int64) (keptVersion, error) {
	at := versionPath(path, number)
	node, err := c.Get(ctx, at, client.AtLevel(client.Linearizable))
	if errors.Is(err, client.ErrNoNode) {
		return keptVersion{}, fmt.Errorf("%w: %d is not in the history", ErrNoVersion, number)
	}
	return keptVersion{number: number, path: at, data: node.Data, stat: node.Stat}, err
}

// readHistory returns all versions of the history, ascending.
func readHistory(ctx context.Context, c *client.Client, path string) ([]keptVersion, error) {
	var all []keptVersion
	for child, err := range c.ChildrenSeq(ctx, path, client.WithStats(), client.WithData(), client.AtLevel(client.Linearizable)) {
		if errors.Is(err, client.ErrNoNode) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		if number := versionOf(child.Name); number > 0 {
			all = append(all, keptVersion{number: number, path: join(path, child.Name), data: child.Data, stat: child.Stat})
		}
	}
	slices.SortFunc(all, func(a, b keptVersion) int { return cmp.Compare(a.number, b.number) })
	return all, nil
}

// versionPath is the path of a version, padded as sequential nodes are.
func versionPath(path string, number int64) string {
	return join(path, fmt.Sprintf("%s%010d", versionPrefix, number))
}

// versionOf is the version that a child keeps, 0 if it is something else.
func versionOf(name string) int64 {
	digits, ok := strings.CutPrefix(name, versionPrefix)
	if !ok || len(digits) < 10 {
		return 0
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number < 1 || fmt.Sprintf("%010d", number) != digits {
		return 0
	}
	return number
}

// numbers returns the versions among the names of children, ascending.
func numbers(names []string) []int64 {
	var found []int64
	for _, name := range names {
		if number := versionOf(name); number > 0 {
			found = append(found, number)
		}
	}
	slices.Sort(found)
	return found
}

// marshal returns the JSON of a value, as people write it: with <, > and & as they are.
func marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
