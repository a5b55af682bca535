package recipes

import (
	"context"
	"errors"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// PendingTransaction is one that a participant still has to vote on, or to carry out.
type PendingTransaction struct {
	ID           string
	Participants []string
	Payload      []byte
	Voted, Yes   bool // whether, and what, this participant has voted
	Decision     Decision
}

// Pending returns the transactions for which a participant has not said Done, in the order of their nodes' names, all as of
// one moment. It reads everything that is pending, for others as well; what is no transaction is left out. Errors: those of
// [client.Client.List]; that of a transaction of this participant which somebody has made unreadable.
func (t *TwoPhase) Pending(ctx context.Context, participant string) ([]PendingTransaction, error) {
	var found []PendingTransaction
	var next PendingTransaction
	var broken error // of next
	own := votePrefix + nodeName(participant)
	for e, err := range t.c.List(ctx, t.path, client.WithData(), client.AtLevel(client.Linearizable)) {
		if errors.Is(err, client.ErrNoNode) {
			return nil, nil
		} else if err != nil {
			return nil, failed("list", t.path, err)
		}
		transaction, part, below := strings.Cut(strings.TrimPrefix(e.Path, join(t.path, "")), "/")
		switch {
		case e.Path == t.path:
		case !below:
			var p proposal
			p, broken = proposalOf(e.Path, e.Data, e.Stat)
			next = PendingTransaction{ID: textOf(transaction), Participants: p.Participants, Decision: p.Decision}
		case part == "payload": // comes before the votes
			next.Payload = e.Data
		case part == own:
			if broken != nil {
				return nil, failed("list", join(t.path, transaction), broken)
			}
			next.Voted, next.Yes = len(e.Data) > 0, string(e.Data) == yesVote
			found = append(found, next)
		}
	}
	return found, nil
}
