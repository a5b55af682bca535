package load

import "context"

// Level is how fresh a read must be.
type Level uint8

const (
	// Linearizable reads see everything that was acknowledged to anybody before they were sent.
	Linearizable Level = iota
	// Local reads are answered by one server from its own state: coxswain's session level, ZooKeeper's reads, etcd's
	// serializable ones.
	Local
	// AtLeast reads are local ones that wait until the server has what this client, or one that told it so, has seen.
	AtLeast
)

// Client is one connection to a service, used by any number of callers at the same time. A service without parents ignores
// that a path has some; Create makes no parents.
type Client interface {
	Create(ctx context.Context, path string, data []byte) error
	// CreateEphemeral creates a sequential node that is bound to the client's session, with prefix as the beginning of its
	// path, and returns its path.
	CreateEphemeral(ctx context.Context, prefix string, data []byte) (path string, err error)
	Set(ctx context.Context, path string, data []byte) error
	// SetAll sets all paths in one transaction.
	SetAll(ctx context.Context, paths []string, data []byte) error
	Get(ctx context.Context, path string, level Level) ([]byte, error)
	// List returns how many children path has, after their names have come to the client.
	List(ctx context.Context, path string) (int, error)
	Delete(ctx context.Context, path string) error
	// DeleteTree deletes path and all that is below it. It is not measured.
	DeleteTree(ctx context.Context, path string) error
	// Watch tells of each change to the data of path after it has returned: once for each, in order, or once for several
	// that came in between. It ends with the client.
	Watch(ctx context.Context, path string) (<-chan struct{}, error)
	// Lock waits for the lock of path, as the client's own library of recipes does it, and returns what gives it back.
	Lock(ctx context.Context, path string) (release func(context.Context) error, err error)
	// Close ends the session.
	Close(ctx context.Context) error
}

// Target is a service under load.
type Target interface {
	// Name is what the service is called in reports.
	Name() string
	// Dial opens the nth client. Clients are spread over the servers, as those of the service do it by themselves.
	Dial(ctx context.Context, n int) (Client, error)
}

// Cluster is a target whose servers are processes of this machine, which belong to the measurement. Servers are numbered from 0.
type Cluster interface {
	Target
	Len() int
	// PID is the process of server i, which must be running.
	PID(i int) int
	// DialAt opens a client that knows server i only.
	DialAt(ctx context.Context, i int) (Client, error)
	// Leader is the server that leads; it waits for one.
	Leader(ctx context.Context) (int, error)
	// Kill ends server i at once (SIGKILL). Run starts it again on the data it has, and does not wait until it serves.
	Kill(i int) error
	Run(i int) error
	// Pause stops server i from running (SIGSTOP), Resume lets it go on.
	Pause(i int) error
	Resume(i int) error
	// DataDir is where server i keeps its data.
	DataDir(i int) string
	// Close ends all servers and removes their data.
	Close() error
}
