package consensus

import "errors"

// Reason says why [Open] refuses to start, or why the membership is not changed; errors.Is compares such an error with it.
type Reason uint8

// Reasons to refuse to start. Each protects the cluster from a replica that would break its promises.
const (
	ReasonConfig      Reason = iota + 1 // the configuration contradicts itself
	ReasonNotWritable                   // the data directory cannot be made or written
	ReasonLocked                        // another process runs on the data directory
	ReasonVersion                       // the data directory is of another format version
	ReasonCluster                       // the data directory, or a member, belongs to another cluster
	ReasonReplica                       // the data directory belongs to another replica, or a member is not who the list says
	ReasonHostname                      // the host's name has changed; it is part of the path of the log
	ReasonRaftAddr                      // the raft address has changed; the others know this replica by it
	ReasonPort                          // the raft port cannot be opened
	ReasonInsecure                      // the raft port would be open to other machines without TLS
	ReasonTLS                           // the TLS files cannot be used
	ReasonIdentity                      // the files that say whose data this is are missing or damaged
	ReasonLog                           // the log is missing or cannot be read
	ReasonSnapshot                      // a snapshot is damaged
	ReasonAmnesia                       // this replica has run before and has lost its data
	ReasonInterrupted                   // Config.Interrupt was closed while Open waited for other members
	ReasonRemoved                       // this replica, or the one that is to be added or removed, was removed from the cluster
	ReasonNotMember                     // this replica is not a member of the running cluster that it was told to be one of
)

// Reasons not to change the membership.
const (
	ReasonMember        Reason = iota + 1 + ReasonNotMember // the id is a member's already, or has been
	ReasonUnknownMember                                     // there is no such member, or it has no vote
	ReasonLastMember                                        // nobody would be left
	ReasonSelf                                              // a server does not remove itself
	ReasonAddress                                           // the address is not one, or belongs to another member
	ReasonUnreachable                                       // no server that waits to be added answers at the address
	ReasonQuorum                                            // the members that would be left could not go on
)

var reasonNames = [...]string{
	ReasonConfig: "configuration", ReasonNotWritable: "data directory not writable", ReasonLocked: "data directory in use",
	ReasonVersion: "other format version", ReasonCluster: "other cluster", ReasonReplica: "other replica",
	ReasonHostname: "hostname changed", ReasonRaftAddr: "raft address changed", ReasonPort: "raft port",
	ReasonInsecure: "insecure raft address", ReasonTLS: "TLS files", ReasonIdentity: "identity lost",
	ReasonLog: "log unreadable", ReasonSnapshot: "snapshot damaged", ReasonAmnesia: "data lost", ReasonInterrupted: "interrupted",
	ReasonRemoved: "removed from the cluster", ReasonNotMember: "not a member of the running cluster",
	ReasonMember: "already a member", ReasonUnknownMember: "no such member", ReasonLastMember: "last member", ReasonSelf: "cannot remove itself",
	ReasonAddress: "address illegal or taken", ReasonUnreachable: "new server does not answer", ReasonQuorum: "no quorum would be left",
}

// Error returns a few words for the reason.
func (r Reason) Error() string {
	if int(r) < len(reasonNames) && reasonNames[r] != "" {
		return reasonNames[r]
	}
	return "unknown reason"
}

// Refusal is the error of [Open], of a recovery that fails later, of a server that was removed, and of changes to the
// membership that are not made.
type Refusal struct {
	// Reason is for programs.
	Reason Reason
	// Detail is for people: what happened, to which file or address, and what to do.
	Detail string
	// Err is the cause, if there is one underneath.
	Err error
}

// Error says what happened and what to do.
func (e *Refusal) Error() string {
	if e.Err != nil {
		return e.Detail + ": " + e.Err.Error()
	}
	return e.Detail
}

// Is makes errors.Is find the reason.
func (e *Refusal) Is(target error) bool {
	r, ok := target.(Reason)
	return ok && r == e.Reason
}

// Unwrap returns the cause.
func (e *Refusal) Unwrap() error { return e.Err }

// Errors of a running [Log].
var (
	// ErrClosed is returned by everything that waits when the log is closed.
	ErrClosed = errors.New("the log is closed")
	// ErrCommandTooLarge is returned by Submit for a command of more than [CommandBytesMax] bytes, or of none.
	ErrCommandTooLarge = errors.New("command is empty or larger than the limit of one log entry")
)
