package recipes

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// bucketState is what the service keeps of a token bucket.
type bucketState struct {
	Rate  float64 `json:"rate"`  // tokens per second that come
	Burst int     `json:"burst"` // and how many there is room for
	Limit int     `json:"limit"` // how often rate and burst were set

	Tokens float64 `json:"tokens"` // so many were there for certain, right after the last taking
	Taken  int64   `json:"taken"`  // all that were ever taken
}

// bucket is what one process knows of a token bucket. No clock is shared, so nobody knows how much time there was between what two
// others did. But everybody knows what he has seen himself: that so many tokens were certainly there, that so much time has gone by
// since, and, by Taken, how many others have taken meanwhile. At worst they took them all just now, when the bucket may
// have been full for a long time; so the tokens that are certain are those
// from before, and what has come in the meantime, as far as there was room, less those.
//
// Whatever two processes know, each knows of at most as many tokens as a bucket would have had that hears of everything at once.
type bucket struct {
	state bucketState // the newest one known
	level float64     // at time at so many tokens are certainly there, if state is still the newest one
	at    time.Time
}

// see takes in a newer state, or the same again, that was there before now. Only if it is of the same bucket, and of the same
// limit, what was known before says anything about it.
func (b *bucket) see(s bucketState, same bool, now time.Time) {
	b.advance(now)
	level := min(s.Tokens, float64(s.Burst))
	if same && s.Limit == b.state.Limit {
		level = max(level, b.level-float64(s.Taken-b.state.Taken))
	}
	b.state, b.level, b.at = s, level, now
}

// advance adds the tokens that have come until now.
func (b *bucket) advance(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = min(float64(b.state.Burst), b.level+passed.Seconds()*b.pace())
		b.at = now
	}
}

// pace is the number of tokens per second of this process's clock.
func (b *bucket) pace() float64 { return b.state.Rate * (1 - 1.0/bucketMargin) }

// after is the state that a taking of n tokens would leave.
func (b *bucket) after(n int) bucketState {
	s := b.state
	s.Tokens, s.Taken = b.level-float64(n), s.Taken+int64(n)
	return s
}

// took is called when after(n) has become the state.
func (b *bucket) took(n int) {
	b.state = b.after(n)
	b.level -= float64(n)
}

// until returns how long it takes until n tokens are there if nobody takes any.
func (b *bucket) until(n int) time.Duration {
	seconds := (float64(n) - b.level) / b.pace()
	return time.Duration(min(math.Ceil(seconds*float64(time.Second)), math.MaxInt64/2))
}

// check returns what is wrong with a state.
func (s bucketState) check() error {
	if !(s.Rate > 0) || math.IsInf(s.Rate, 0) || s.Burst < 1 || !(s.Tokens >= 0) {
		return fmt.Errorf("%g tokens per second, room for %d, %g there", s.Rate, s.Burst, s.Tokens)
	}
	return nil
}

func (s bucketState) encode() []byte {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // numbers that were checked
	}
	return data
}

func decodeBucket(data []byte) (s bucketState, err error) {
	if err = json.Unmarshal(data, &s); err == nil {
		err = s.check()
	}
	if err != nil {
		return bucketState{}, invalid(err)
	}
	return s, nil
}
