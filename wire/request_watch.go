package wire

import (
	"fmt"

	"github.com/coxswain-io/coxswain/znode"
)

// watchBytesMin is the least size, in bytes, of one watch in a list: an array head, three numbers and a path. The zxid may
// be missing.
const watchBytesMin = 5

func decodeAddWatches(d *Decoder, r *Request) error {
	n, ok := d.arrayLength()
	if !ok {
		return nil
	}
	if n > WatchPathsPerFrameMax {
		return tooManyWatches(n)
	}
	if n*watchBytesMin > uint64(d.left()) {
		d.Fail("an array with more watches than the bytes left can hold")
		return nil
	}
	r.WatchList = roomFor(r.WatchList, int(n))
	for range n {
		w := WatchSpec{FromNow: true}
		f := d.Fields(4)
		if f.Next() {
			w.ID = WatchID(d.Uint())
		}
		if f.Next() {
			w.Mode = WatchMode(d.Choice())
		}
		if f.Next() {
			w.Options = WatchOptions(d.Choice())
		}
		if f.Next() {
			w.Path = d.String()
		}
		if f.Next() && !d.Nil() {
			w.FromNow, w.Since = false, znode.Zxid(d.Uint())
		}
		f.End()
		if d.Err() != nil {
			return nil
		}
		if refusal := w.check(); refusal != nil {
			return refusal
		}
		r.WatchList = append(r.WatchList, w)
	}
	return nil
}

// check returns a refusal if w is none of the watches that this version knows. Unknown options are refused and not ignored:
// the client would wait for what never comes.
func (w *WatchSpec) check() error {
	switch {
	case w.ID == 0:
		return &Refusal{CodeBadArguments, "a watch with id 0; the ids of watches begin at 1"}
	case !w.Mode.Valid():
		return &Refusal{CodeBadArguments, fmt.Sprintf("watch %d has mode %d, there are 1 (persistent) and 2 (recursive)", w.ID, w.Mode)}
	case !w.Options.Valid():
		return &Refusal{CodeUnimplemented, fmt.Sprintf("watch %d has options %#x, there are 1 (stat) and 2 (data)", w.ID, uint8(w.Options))}
	}
	return nil
}

func decodeSetWatches(d *Decoder, r *Request) error {
	f := d.Fields(0)
	if f.Next() {
		r.Since = znode.Zxid(d.Uint())
	}
	total := uint64(0)
	for _, list := range [...]*[]string{&r.DataPaths, &r.ExistPaths, &r.ChildPaths} {
		if !f.Next() {
			break
		}
		n, ok := d.arrayLength()
		if !ok {
			return nil
		}
		if total += n; total > WatchPathsPerFrameMax {
			return tooManyWatches(total)
		}
		*list = roomFor(*list, int(n))
		for range n {
			*list = append(*list, d.String())
		}
		if d.Err() != nil {
			return nil
		}
	}
	f.End()
	return nil
}

func tooManyWatches(n uint64) error {
	return &Refusal{CodeTooMany, fmt.Sprintf("%d watches in one request, the limit is %d; send several", n, WatchPathsPerFrameMax)}
}

func decodeRemoveWatch(d *Decoder, r *Request) error {
	f := d.Fields(2)
	if f.Next() {
		r.WatchKind = WatchKind(d.Choice())
	}
	if f.Next() {
		r.Path = d.String()
	}
	if f.Next() {
		r.WatchID = WatchID(d.Uint())
	}
	f.End()
	if d.Err() == nil && !r.WatchKind.Valid() {
		return &Refusal{CodeBadArguments, fmt.Sprintf("watch kind %d, there are 1 (data), 2 (child) and 3 (persistent)", r.WatchKind)}
	}
	return nil
}
