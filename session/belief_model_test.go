package session

import (
	"math/rand/v2"
	"testing"
)

// Belief against one that remembers the first sending of every request: never bolder, and, as long as what is answered was
// sent within a timeout, less bold by no more than the distance of marks.
func TestBeliefIsThatOfRememberingEverything(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		timeoutMS := MinTimeoutMS + r.Int64N(20_000)
		b := &Belief{}
		var now, exact Mono
		sent := []Mono{0} // by request number
		a := b.Begin(now)
		b.Welcomed(a, timeoutMS)
		exact = now + shortened(timeoutMS)
		pace := 1 << r.IntN(10)
		for range 2000 {
			now += Mono(r.IntN(pace))
			request := uint64(len(sent))
			switch r.IntN(8) {
			case 0: // an answer, not always in order
				request = uint64(r.IntN(len(sent)))
				fallthrough
			case 1:
				request = min(request, uint64(len(sent)-1))
				b.Answered(a, request)
				if request > 0 {
					exact = max(exact, sent[request]+shortened(timeoutMS))
				}
			case 2: // sent again
				b.Sent(uint64(r.IntN(len(sent))), now)
			case 3: // by a caller who read the clock earlier than the one before
				at := max(0, now-Mono(r.IntN(20)))
				b.Sent(request, at)
				sent = append(sent, at)
			default:
				b.Sent(request, now)
				sent = append(sent, now)
			}
			until, ok := b.ValidUntil()
			switch {
			case !ok || until > exact:
				t.Fatalf("seed %d: valid until %d (%v), remembering everything it is %d", seed, until, ok, exact)
			case exact > now && until < exact-Mono(timeoutMS/marksMax)-20:
				t.Fatalf("seed %d, timeout %d: valid until %d, remembering everything it is %d", seed, timeoutMS, until, exact)
			}
		}
	}
}
