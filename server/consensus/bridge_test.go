package consensus

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestAFloodIsThinnedOutAndCounted(t *testing.T) {
	var f flood
	now := time.Now()
	for i := range 100 {
		if ok, missed := f.pass(now); ok != (i < floodMax) || missed != 0 {
			t.Fatalf("line %d passed: %v, %d missed", i, ok, missed)
		}
	}
	if ok, missed := f.pass(now.Add(floodWindow)); !ok || missed != 100-floodMax {
		t.Errorf("first line of the next window passed: %v, %d missed", ok, missed)
	}
	if ok, missed := f.pass(now.Add(floodWindow)); !ok || missed != 0 {
		t.Errorf("second line of the next window passed: %v, %d missed", ok, missed)
	}
}

func TestDragonboatsLinesReachTheLogOpenedLast(t *testing.T) {
	b := &logBridge{kinds: map[string]*flood{}}
	b.install.Do(func() {}) // Dragonboat has its factory
	raft := &bridgedLogger{bridge: b, pkg: "raft", chatty: true}
	raft.Warningf("nobody listens")
	first, second := new(lines), new(lines)
	detachFirst := b.attach(zerolog.New(first).Level(zerolog.InfoLevel))
	detachSecond := b.attach(zerolog.New(second).Level(zerolog.InfoLevel))
	for i := range 20 {
		raft.Warningf("dropped %d", i)
	}
	raft.Infof("about itself")
	raft.Debugf("per message")
	detachSecond()
	raft.Errorf("unreachable %s", "peer")
	if n := strings.Count(second.String(), "dropped"); n != floodMax || strings.Contains(second.String(), "about itself") {
		t.Errorf("the log opened last has\n%s", second)
	}
	if got := first.String(); strings.Contains(got, "dropped") || !strings.Contains(got, `"from":"dragonboat/raft","message":"unreachable peer"`) {
		t.Errorf("the log opened first has\n%s", got)
	}
	func() {
		defer func() {
			if p := recover(); p != "cannot read 7" {
				t.Errorf("Panicf panicked with %v", p)
			}
		}()
		raft.Panicf("cannot read %d", 7)
	}()
	if got := first.String(); !strings.Contains(got, "cannot read 7") || !strings.Contains(got, "check the disk") {
		t.Errorf("Panicf wrote\n%s", got)
	}
	detachFirst()
	raft.Warningf("nobody listens")
}

// Whoever finds a server that has ended reads what to do.
func TestAPanicComesWithItsRemedy(t *testing.T) {
	for text, want := range map[string]string{
		"invalid commitTo index 7, lastIndex() 3": "do not start it again, " + replaceServer,
		"input/output error":                      "check the disk",
	} {
		if got := remedy(text); !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestReasonsHaveNamesAndRefusalsKeepTheirCause(t *testing.T) {
	for r := ReasonConfig; r <= ReasonInterrupted; r++ {
		if r.Error() == "unknown reason" {
			t.Errorf("reason %d has no name", r)
		}
	}
	if Reason(0).Error() != "unknown reason" || Reason(200).Error() != "unknown reason" {
		t.Error("reasons that do not exist have names")
	}
	cause := errors.New("cause")
	err := error(&Refusal{Reason: ReasonPort, Detail: "what to do", Err: cause})
	if !errors.Is(err, ReasonPort) || errors.Is(err, ReasonLog) || !errors.Is(err, cause) || err.Error() != "what to do: cause" {
		t.Errorf("%v", err)
	}
}
