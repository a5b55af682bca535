package history

import (
	"fmt"

	"github.com/coxswain-io/coxswain/client"
)

// Use is one use of what a lock protects, as the thing itself has seen it.
type Use struct {
	At       int64 // in nanoseconds, on the clock of the thing
	Holder   int
	Fence    client.Zxid
	Believed bool // its holder was certain to hold the lock when it looked, right before the use
	Admitted bool // the gate let it through
}

// CheckUses checks the uses of one thing, in the order in which they came (P7): those that were admitted have fences that never
// go down, and a holder of its own for each fence; only older fences than the newest one are refused; and nobody believes to
// hold the lock after another, with a newer fence, has used the thing.
func CheckUses(uses []Use) (violations []Violation) {
	violated := func(u Use, format string, args ...any) {
		if len(violations) < violationsMax {
			violations = append(violations, Violation{Property: "P7", At: u.At,
				Detail: fmt.Sprintf("%+v: %s", u, fmt.Sprintf(format, args...))})
		}
	}
	holders := map[client.Zxid]int{}
	var newest, believed Use // the admitted one, and the believed one, of the highest fence
	for _, u := range uses {
		if holder, ok := holders[u.Fence]; ok && holder != u.Holder {
			violated(u, "holder %d has the same fence", holder)
		}
		holders[u.Fence] = u.Holder
		switch {
		case u.Admitted && u.Fence < newest.Fence:
			violated(u, "admitted after %+v", newest)
		case !u.Admitted && u.Fence >= newest.Fence:
			violated(u, "refused, and no newer fence was there")
		}
		if u.Believed && u.Fence < believed.Fence {
			violated(u, "two believe to hold the lock, also %+v", believed)
		}
		if u.Admitted && u.Fence > newest.Fence {
			newest = u
		}
		if u.Believed && u.Fence > believed.Fence {
			believed = u
		}
	}
	return violations
}
