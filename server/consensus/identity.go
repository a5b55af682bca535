package consensus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
)

// identityFormat is the version of the data directory as a whole.
const identityFormat = 1

// identity says whose data a data directory holds. Written once: at the end of the first start's census,
// or when a member has called a replica that joins.
type identity struct {
	Format   int               `json:"format"`
	Cluster  string            `json:"cluster"`
	Replica  uint64            `json:"replica"`
	Hostname string            `json:"hostname"`
	RaftAddr string            `json:"raft_addr"`
	Members  map[uint64]string `json:"members,omitempty"` // as given at the first start
	Joined   bool              `json:"joined,omitempty"`
}

func (c Config) identity(hostname string) identity {
	return identity{Format: identityFormat, Cluster: c.Cluster, Replica: c.ReplicaID, Hostname: hostname,
		RaftAddr: c.RaftAddr, Members: c.Members, Joined: c.Join}
}

func (d *dataDir) writeIdentity(id identity) error {
	text, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	return d.write(identityName, append(text, '\n'))
}

// readIdentity returns nil if the directory has none and none is missing: the replica has never run.
func (d *dataDir) readIdentity() (*identity, error) {
	text, err := os.ReadFile(d.file(identityName))
	if errors.Is(err, fs.ErrNotExist) {
		starting, err := d.has(startingName)
		if err != nil {
			return nil, d.identityLost(startingName, err)
		}
		entries, err := os.ReadDir(d.raft())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, d.identityLost("raft", err)
		}
		if len(entries) > 0 && !starting {
			return nil, d.identityLost(identityName, fmt.Errorf("there is a log in %s", d.raft()))
		}
		return nil, nil
	}
	if err != nil {
		return nil, d.identityLost(identityName, err)
	}
	// The version is read by itself: a later one may have changed everything else.
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &version); err != nil || version.Format <= 0 {
		return nil, d.identityLost(identityName, errors.Join(err, errors.New("it names no format version")))
	}
	if version.Format != identityFormat {
		return nil, &Refusal{Reason: ReasonVersion, Detail: fmt.Sprintf("data directory %s has format version %d, this program knows version %d: "+
			"run the version of coxswain that wrote it, or one that can convert it", d.path, version.Format, identityFormat)}
	}
	id := new(identity)
	if err := json.Unmarshal(text, id); err != nil {
		return nil, d.identityLost(identityName, err)
	}
	if id.Cluster == "" || id.Replica == 0 || id.Hostname == "" || id.RaftAddr == "" || len(id.Members) == 0 && !id.Joined {
		return nil, d.identityLost(identityName, errors.New("fields are missing"))
	}
	return id, nil
}

// check refuses a configuration that is not for this data. That the members' list differs is reported, not refused: it
// was used at the first start, and the cluster may have changed since.
func (id *identity) check(c Config, hostname string) error {
	switch {
	case id.Cluster != c.Cluster:
		return &Refusal{Reason: ReasonCluster, Detail: fmt.Sprintf("data directory %s belongs to cluster %q, the configuration says %q: "+
			"correct the one or choose the other", c.DataDir, id.Cluster, c.Cluster)}
	case id.Replica != c.ReplicaID:
		return &Refusal{Reason: ReasonReplica, Detail: fmt.Sprintf("data directory %s belongs to server %d, the configuration says server %d: "+
			"correct the id or choose the other directory", c.DataDir, id.Replica, c.ReplicaID)}
	case id.Hostname != hostname:
		return &Refusal{Reason: ReasonHostname, Detail: fmt.Sprintf("data directory %s was written on host %q, and this host is called %q: "+
			"the log lies under the host's name. Give the host its old name back", c.DataDir, id.Hostname, hostname)}
	case id.RaftAddr != c.RaftAddr:
		return &Refusal{Reason: ReasonRaftAddr, Detail: fmt.Sprintf("server %d is known to the cluster at %s, the configuration says %s: "+
			"go back to the old raft address, or remove the server from the cluster and add a new one with another id", id.Replica, id.RaftAddr, c.RaftAddr)}
	}
	if !c.Join && !id.Joined && !maps.Equal(id.Members, c.Members) {
		c.Log.Warn().Interface("given", c.Members).Interface("recorded", id.Members).
			Msg("the list of members differs from the one of the first start; it is used at the first start only and is ignored now")
	}
	return nil
}
