package simulation

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"
)

// trace is a hash of everything that happens in a run, with the time of each event. Two runs with equal traces were the same.
type trace struct {
	start time.Time

	mu     sync.Mutex
	sum    hash.Hash
	events int
	text   io.Writer // nil, or where each event is written down
}

func newTrace(text io.Writer) *trace { return &trace{start: time.Now(), sum: sha256.New(), text: text} }

// note adds an event.
func (t *trace) note(what string, numbers ...uint64) { t.add(what, nil, numbers...) }

// bytes adds what has arrived on a connection.
func (t *trace) bytes(wire int, up bool, b []byte) {
	way := "down"
	if up {
		way = "up"
	}
	t.add(way, b, uint64(wire))
}

func (t *trace) add(what string, body []byte, numbers ...uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events++
	at := time.Since(t.start)
	line := make([]byte, 0, 64)
	line = binary.BigEndian.AppendUint64(line, uint64(at))
	line = append(append(line, what...), 0)
	for _, n := range numbers {
		line = binary.BigEndian.AppendUint64(line, n)
	}
	line = binary.BigEndian.AppendUint64(line, uint64(len(body)))
	t.sum.Write(line)
	t.sum.Write(body)
	if t.text != nil {
		fmt.Fprintf(t.text, "%v %s %v %x\n", at, what, numbers, body[:min(len(body), traceBytes)])
	}
}

// end returns the hash of all events so far, and their number.
func (t *trace) end() (sum string, events int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return hex.EncodeToString(t.sum.Sum(nil)), t.events
}
