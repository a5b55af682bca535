package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

// seed gives a fuzz target every message of the protocol, and what every decoder must refuse.
func seed(f *testing.F) {
	for _, m := range messages() {
		f.Add(m.body())
	}
	for name, value := range bombs() {
		if len(value) < 1<<10 {
			for _, input := range places(value) {
				f.Add(input)
			}
		} else if name == "a million deep" {
			f.Add(value[:1<<10])
		}
	}
}

func FuzzHello(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		withinBound(t, len(body), func() {
			h, err := DecodeHello(body)
			if err != nil || h.Version != ProtocolVersion {
				return
			}
			if again, err := DecodeHello(AppendHello(nil, &h)[frameHeadBytes:]); err != nil || again != h {
				t.Errorf("%+v came back as %+v, %v", h, again, err)
			}
		})
	})
}

func FuzzWelcome(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		withinBound(t, len(body), func() {
			w, err := DecodeWelcome(body)
			if err != nil || len(w.Detail) > DetailBytesMax {
				return
			}
			if again, err := DecodeWelcome(AppendWelcome(nil, &w)[frameHeadBytes:]); err != nil || again != w {
				t.Errorf("%+v came back as %+v, %v", w, again, err)
			}
		})
	})
}

func FuzzRequest(f *testing.F) {
	seed(f)
	var again Request
	var frame []byte
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Request
		var err error
		withinBound(t, len(body), func() { err = DecodeRequest(body, &r) })
		kind, xid, seq, ack, ok := PeekHeader(body[:min(len(body), FrameHeadBytes)])
		if r.Kind.Known() && err == nil && (!ok || kind != r.Kind || xid != r.Xid || seq != r.Seq || ack != r.Ack) {
			t.Errorf("the header of %+v was peeked as %v %v %v %v %v", r, kind, xid, seq, ack, ok)
		}
		if err != nil {
			return
		}
		frame = AppendRequest(frame[:0], &r)
		if err := DecodeRequest(frame[frameHeadBytes:], &again); err != nil {
			t.Fatalf("%+v does not come back: %v", r, err)
		}
		r.HasACL = false // written as none
		if !reflect.DeepEqual(withoutEmptyLists(r), withoutEmptyLists(again)) {
			t.Errorf("%+v came back as %+v", r, again)
		}
	})
}

func FuzzServerFrame(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		withinBound(t, len(body), func() {
			s, err := DecodeServerFrame(body)
			if err != nil {
				return
			}
			var frame []byte
			switch s.Kind {
			case Reply:
				outcome := append(AppendUint(AppendInt(nil, int64(s.Code)), uint64(s.Zxid)), s.Result...)
				if s.Result == nil {
					return // a reply that ends before its result
				}
				frame = AppendReply(nil, s.Xid, outcome)
			case EventFrame:
				frame = AppendEvent(nil, &s.Event)
			case Goodbye:
				if len(s.Detail) > DetailBytesMax {
					return
				}
				frame = AppendGoodbye(nil, s.Code, s.Detail)
			}
			if again, err := DecodeServerFrame(frame[frameHeadBytes:]); err != nil || !reflect.DeepEqual(again, s) {
				t.Errorf("%+v came back as %+v, %v", s, again, err)
			}
		})
	})
}

// FuzzResult decodes the input as the result of every kind of request, and a second time what the first gave.
func FuzzResult(f *testing.F) {
	seed(f)
	for _, m := range messages() {
		if s, err := DecodeServerFrame(m.body()); err == nil && s.Kind == Reply {
			f.Add(append([]byte(nil), s.Result...))
		}
	}
	f.Fuzz(func(t *testing.T, result []byte) {
		for name, decode := range decoders {
			withinBound(t, len(result), func() { _ = decode(result) })
			if t.Failed() {
				t.Fatalf("as %s", name)
			}
		}
		if path, stat, existed, err := DecodeCreated(result); err == nil {
			again := resultOf(AppendOutcome(nil, Create, 1, []znode.Result{{Path: path, Stat: stat, Existed: existed}}))
			if p, s, e, err := DecodeCreated(again); err != nil || p != path || s != stat || e != existed {
				t.Errorf("created %q %+v %v came back as %q %+v %v, %v", path, stat, existed, p, s, e, err)
			}
		}
		if path, stat, count, err := DecodeCopied(result); err == nil {
			again := resultOf(AppendOutcome(nil, MoveTree, 1, []znode.Result{{Path: path, Stat: stat, Count: count}}))
			if p, s, n, err := DecodeCopied(again); err != nil || p != path || s != stat || n != count {
				t.Errorf("moved %q %+v %d came back as %q %+v %d, %v", path, stat, count, p, s, n, err)
			}
		}
		if g, err := gotTxn(result); err == nil {
			want := g.(got)
			for i := range want.Results {
				withoutUselessStat(&want.Results[i])
			}
			again := resultOf(AppendTxnOutcome(nil, 1, want.Flag, int(want.N), want.Results))
			if back, err := gotTxn(again); err != nil || !reflect.DeepEqual(back, want) {
				t.Errorf("transaction %+v came back as %+v, %v", want, back, err)
			}
		}
		if g, err := gotSessions(result); err == nil {
			want := g.(got)
			dst, mark := BeginSessionsResult(nil)
			for i := range want.Sessions {
				e := &want.Sessions[i]
				e.Name = cut(e.Name, NameBytesMax)
				dst = AppendSessionEntry(dst, e)
			}
			dst = EndSessionsResult(dst, mark, len(want.Sessions), want.More)
			if back, err := gotSessions(dst); err != nil || !reflect.DeepEqual(back, want) {
				t.Errorf("sessions %+v came back as %+v, %v", want, back, err)
			}
		}
		fuzzOutcomes(t, result)
		if data, stat, err := DecodeGot(result); err == nil {
			if d, s, err := DecodeGot(AppendGetResult(nil, data, &stat)); err != nil || !bytes.Equal(d, data) || s != stat {
				t.Errorf("got %q %+v came back as %q %+v, %v", data, stat, d, s, err)
			}
		}
		if _, _, err := DecodeChildren(result, func(Entry) {}); err == nil {
			g, err := gotChildren(result)
			if err != nil {
				t.Fatal(err)
			}
			want := g.(got)
			dst, mark := BeginChildrenResult(nil)
			for _, e := range want.Entries {
				dst = AppendBytes(AppendStat(AppendString(AppendArray(dst, 3), e.Name), &e.Stat), e.Data)
			}
			dst = EndChildrenResult(dst, mark, len(want.Entries), want.More, &want.Stat)
			if again, err := gotChildren(dst); err != nil || !reflect.DeepEqual(again, g) {
				t.Errorf("children %+v came back as %+v, %v", g, again, err)
			}
		}
		if e, err := DecodeFailure(result); err == nil && len(e.Detail) <= DetailBytesMax {
			again := appendFailureResult(nil, &znode.Error{Path: e.Path, Index: e.Index, Actual: e.Actual, Detail: e.Detail})
			if back, err := DecodeFailure(again); err != nil || back != e {
				t.Errorf("failure %+v came back as %+v, %v", e, back, err)
			}
		}
	})
}

// resultOf cuts the result out of an outcome.
func resultOf(outcome []byte) []byte {
	d := NewDecoder(outcome)
	d.Int()
	d.Uint()
	return d.Rest()
}

// withoutUselessStat takes away the stat of a result whose operation has none; it is not written.
func withoutUselessStat(r *znode.Result) {
	switch r.Kind {
	case znode.OpDelete, znode.OpCheck, znode.OpDeleteTree:
		r.Stat = znode.Stat{}
	}
}

// fuzzOutcomes decodes the input as a list of outcomes, and a second time what the first gave.
func fuzzOutcomes(t *testing.T, result []byte) {
	type recorded struct {
		seq    session.Seq
		code   Code
		zxid   znode.Zxid
		result string
	}
	decode := func(result []byte) (h OutcomesHead, all []recorded, err error) {
		h, err = DecodeOutcomes(result, func(seq session.Seq, code Code, zxid znode.Zxid, one []byte) {
			all = append(all, recorded{seq, code, zxid, string(one)})
		})
		return h, all, err
	}
	head, all, err := decode(result)
	if err != nil {
		return
	}
	dst, mark := BeginOutcomesResult(nil, head)
	for _, r := range all {
		if r.result == "" {
			return // a reply that ends before its result
		}
		dst = AppendRecordedOutcome(dst, r.seq, append(AppendUint(AppendInt(nil, int64(r.code)), uint64(r.zxid)), r.result...))
	}
	dst = EndOutcomesResult(dst, mark, len(all), head.More)
	if h, back, err := decode(dst); err != nil || h != head || !reflect.DeepEqual(back, all) {
		t.Errorf("outcomes %+v %v came back as %+v %v, %v", head, all, h, back, err)
	}
}

func FuzzFrameReader(f *testing.F) {
	var stream []byte
	for _, m := range messages() {
		f.Add(m.frame, 7)
		stream = append(stream, m.frame...)
	}
	f.Add(stream, 100)
	f.Add(append(frameOf(make([]byte, HelloFrameMax+1)), stream...), 1000)
	f.Add(append(frameOf(make([]byte, 3*FrameBufferBytes)), stream...), 1000)
	f.Add([]byte{0x03, 0xff, 0xff, 0xff, 1}, 1)
	f.Fuzz(func(t *testing.T, stream []byte, perRead int) {
		if perRead <= 0 {
			return
		}
		withinBound(t, len(stream), func() {
			r := NewFrameReader(&chunks{stream, perRead}, HelloFrameMax)
			taken := 0
			for {
				complete := r.Complete()
				body, err := r.Next()
				var tooLarge *FrameTooLarge
				var malformed *Malformed
				switch {
				case err == nil:
					if at := stream[taken+frameHeadBytes:]; !bytes.Equal(body, at[:len(body)]) {
						t.Fatalf("at %d: a body that is not in the stream", taken)
					}
					taken += frameHeadBytes + len(body)
					r.SetLimit(FrameMax)
				case errors.As(err, &tooLarge):
					taken += frameHeadBytes + int(tooLarge.Length)
				case errors.As(err, &malformed):
					return
				default:
					if complete || err != io.EOF && err != io.ErrUnexpectedEOF || err == io.EOF && taken != len(stream) {
						t.Fatalf("at %d of %d: %v, complete %v", taken, len(stream), err, complete)
					}
					return
				}
			}
		})
	})
}
