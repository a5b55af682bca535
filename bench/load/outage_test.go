package load

import (
	"errors"
	"testing"
	"time"
)

// What counts as back is an answer to what was asked after the fault: one that was already on its way tells nothing.
func TestAWriterIsBackWhenWhatItAskedAfterTheFaultIsAnswered(t *testing.T) {
	begin := time.Now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	all := make(chan struct{})
	w := &writers{
		count: 3, excused: 2, waiting: 2, all: all, back: make([]time.Duration, 3), last: at(-1), fault: at(0), cut: at(5),
	}
	w.answered(0, at(-1), at(1))    // was on its way
	w.answered(1, at(3), at(6))     // asked before the fault was complete
	w.answered(0, at(1), at(290))   // asked before, answered by the next leader
	w.answered(2, at(10), at(300))  // is not waited for
	w.answered(0, at(290), at(310)) // asked after it
	select {
	case <-all:
		t.Fatal("all are back, and one is not")
	default:
	}
	w.answered(1, at(20), at(400))
	select {
	case <-all:
	default:
		t.Fatal("not all are back")
	}
	if want := 284 * time.Millisecond; w.silence != want {
		t.Errorf("nobody was answered for %v, want %v", w.silence, want)
	}
	if w.back[0] != 310*time.Millisecond || w.back[1] != 400*time.Millisecond || w.back[2] != 0 {
		t.Errorf("back after %v", w.back)
	}
}

// The silence begins with the fault, not with the last answer before it.
func TestSilenceBeginsWithTheFault(t *testing.T) {
	begin := time.Now()
	w := &writers{count: 1, excused: -1, waiting: 1, back: make([]time.Duration, 1), last: begin.Add(-time.Second), fault: begin}
	w.answered(0, begin, begin.Add(time.Millisecond))
	if w.silence != time.Millisecond {
		t.Errorf("nobody was answered for %v, want 1 ms", w.silence)
	}
}

func TestSpreadTellsWhatAPartDidNotExceed(t *testing.T) {
	s := spread{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0.2: 1, 0.21: 2, 0.5: 3, 0.99: 5, 1: 5} {
		if got := s.quantile(q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := (spread{}).median(); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
}

func TestTogetherBeginsNothingMoreAfterAnError(t *testing.T) {
	broken := errors.New("broken")
	begun := 0
	err := together(100, 1, func(i int) error {
		begun++
		if i == 3 {
			return broken
		}
		return nil
	})
	if err != broken || begun != 4 {
		t.Errorf("%v after %d", err, begun)
	}
}
