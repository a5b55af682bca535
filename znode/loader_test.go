package znode

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// sample returns the records of a tree that has everything.
func sample(t *testing.T) []Record {
	t.Helper()
	tree := NewTree()
	ops := []Op{
		{Kind: OpCreate, Path: "/p", Data: []byte("data")},
		{Kind: OpCreate, Path: "/p/e", Mode: ModeEphemeral},
		{Kind: OpCreate, Path: "/p/s-", Mode: ModePersistentSequential},
		{Kind: OpCreate, Path: "/box", Mode: ModeContainer},
		{Kind: OpCreate, Path: "/box/c"},
		{Kind: OpCreate, Path: "/t", Mode: ModePersistentTTL, TTLMS: 77},
		{Kind: OpSet, Path: "/", Data: []byte("root")},
		{Kind: OpDelete, Path: "/box/c"},
	}
	if _, _, err := tree.Apply(Txn{Zxid: 5, TimeMS: 6, ClockMS: 7, Owner: 8}, ops, nil, nil); err != nil {
		t.Fatal(err)
	}
	return records(tree)
}

func load(all []Record) (*Tree, *Error) {
	l := NewLoader()
	for _, r := range all {
		if err := l.Add(r); err != nil {
			return nil, err
		}
	}
	return l.Finish()
}

// TestLoadAnyOrder: the tree does not depend on the order of the records.
func TestLoadAnyOrder(t *testing.T) {
	all := sample(t)
	want, err := load(all)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		got, err := load(all)
		if err != nil {
			t.Fatal(err)
		}
		compareTrees(t, got, want)
	}
}

// TestLoadAversion: the number of ACL changes, which no operation moves yet, is
// kept by all kinds of nodes and over a set.
func TestLoadAversion(t *testing.T) {
	tree, err := load([]Record{
		{Path: "/", NumChildren: 2, Created: 2},
		{Path: "/p", Aversion: 3},
		{Path: "/t", Aversion: 4, Kind: TTL, TTLMS: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, tree, Txn{Zxid: 1}, Op{Kind: OpSet, Path: "/p"}, Op{Kind: OpSet, Path: "/t"})
	if p, n := tree.Get("/p").Stat(), tree.Get("/t").Stat(); p.Aversion != 3 || n.Aversion != 4 {
		t.Errorf("aversions %d and %d", p.Aversion, n.Aversion)
	}
	checkTree(t, tree)
}

// TestLoadDamaged: each way that records can contradict a tree, or each other.
func TestLoadDamaged(t *testing.T) {
	tests := []struct {
		name   string
		damage func(at func(string) *Record)
		code   Code
		path   string
	}{
		{"empty path", func(at func(string) *Record) { at("/t").Path = "" }, CodeBadArguments, ""},
		{"illegal path", func(at func(string) *Record) { at("/t").Path = "/t/" }, CodeBadArguments, "/t/"},
		{"long path", func(at func(string) *Record) { at("/t").Path = strings.Repeat("/a", 2049) }, CodeTooLarge, clip(strings.Repeat("/a", 2049))},
		{"reserved path", func(at func(string) *Record) { at("/t").Path = "/coxswain" }, CodeBadArguments, "/coxswain"},
		{"twice", func(at func(string) *Record) { at("/t").Path = "/p" }, CodeNodeExists, "/p"},
		{"no root", func(at func(string) *Record) { at("/").Path = "/x" }, CodeNoNode, "/"},
		{"no parent", func(at func(string) *Record) { at("/t").Path = "/x/t" }, CodeNoNode, "/x"},
		{"child of an ephemeral", func(at func(string) *Record) { at("/t").Path = "/p/e/t" }, CodeNoChildrenForEphemerals, "/p/e"},
		{"moved to another parent", func(at func(string) *Record) { at("/t").Path = "/box/t" }, CodeRuntimeInconsistency, "/"},
		{"one child too many", func(at func(string) *Record) { at("/p").NumChildren, at("/p").Created = 3, 3 }, CodeRuntimeInconsistency, "/p"},
		{"one child too few", func(at func(string) *Record) { at("/p").NumChildren = 1 }, CodeRuntimeInconsistency, "/p"},
		{"children of a leaf", func(at func(string) *Record) { at("/t").NumChildren, at("/t").Created = 1, 1 }, CodeRuntimeInconsistency, "/t"},
		{"negative children", func(at func(string) *Record) { at("/t").NumChildren = -1 }, CodeRuntimeInconsistency, "/t"},
		{"fewer created than there", func(at func(string) *Record) { at("/p").Created = 1 }, CodeRuntimeInconsistency, "/p"},
		{"counter at its end", func(at func(string) *Record) { at("/p").Created = 1<<63 - 1 }, CodeRuntimeInconsistency, "/p"},
		{"version at its end", func(at func(string) *Record) { at("/p").Version = 1<<63 - 1 }, CodeRuntimeInconsistency, "/p"},
		{"negative version", func(at func(string) *Record) { at("/p").Version = -1 }, CodeRuntimeInconsistency, "/p"},
		{"negative aversion", func(at func(string) *Record) { at("/p").Aversion = -1 }, CodeRuntimeInconsistency, "/p"},
		{"unknown kind", func(at func(string) *Record) { at("/p").Kind = 4 }, CodeRuntimeInconsistency, "/p"},
		{"ephemeral without owner", func(at func(string) *Record) { at("/p/e").Owner = 0 }, CodeRuntimeInconsistency, "/p/e"},
		{"ephemeral that had children", func(at func(string) *Record) { at("/p/e").Created = 1 }, CodeRuntimeInconsistency, "/p/e"},
		{"owner without ephemeral", func(at func(string) *Record) { at("/p").Owner = 8 }, CodeRuntimeInconsistency, "/p"},
		{"ttl out of range", func(at func(string) *Record) { at("/t").TTLMS = MaxTTLMS + 1 }, CodeRuntimeInconsistency, "/t"},
		{"ttl without ttl", func(at func(string) *Record) { at("/t").TTLMS = 0 }, CodeRuntimeInconsistency, "/t"},
		{"ttl of a container", func(at func(string) *Record) { at("/box").TTLMS = 1 }, CodeRuntimeInconsistency, "/box"},
		{"touch of a persistent node", func(at func(string) *Record) { at("/p").TouchMS = 1 }, CodeRuntimeInconsistency, "/p"},
		{"set before created", func(at func(string) *Record) { at("/p").Mzxid = 4 }, CodeRuntimeInconsistency, "/p"},
		{"child before created", func(at func(string) *Record) { at("/p").Pzxid = 4 }, CodeRuntimeInconsistency, "/p"},
		{"data too large", func(at func(string) *Record) { at("/p").Data = make([]byte, MaxDataBytes+1) }, CodeRuntimeInconsistency, "/p"},
		{"root that expires", func(at func(string) *Record) { at("/").Kind = Container }, CodeRuntimeInconsistency, "/"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := sample(t)
			test.damage(func(path string) *Record {
				for i := range all {
					if all[i].Path == path {
						return &all[i]
					}
				}
				t.Fatalf("the sample has no %s", path)
				return nil
			})
			tree, err := load(all)
			if tree != nil || !errors.Is(err, test.code) || err.Path != test.path || err.Detail == "" {
				t.Errorf("got %v, want %v: %s", err, test.code, test.path)
			}
		})
	}
}

// TestBeyond32Bits: what wraps in ZooKeeper goes on here (rules S-3, M-4).
func TestBeyond32Bits(t *testing.T) {
	const large = 9_999_999_999 // the last of ten digits
	tree, err := load([]Record{
		{Path: "/", NumChildren: 1, Created: 1},
		{Path: "/q", Version: 1<<31 - 1, Created: large},
	})
	if err != nil {
		t.Fatal(err)
	}
	sequential := Op{Kind: OpCreate, Path: "/q/n-", Mode: ModePersistentSequential}
	results, _, err := tree.Apply(Txn{Zxid: 1}, []Op{
		{Kind: OpSet, Path: "/q", Guard: IfVersion(1<<31 - 1)},
		sequential, sequential, {Kind: OpDelete, Path: "/q/n-9999999999"},
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Stat.Version != 1<<31 {
		t.Errorf("version %d", results[0].Stat.Version)
	}
	if results[1].Path != "/q/n-9999999999" || results[2].Path != "/q/n-10000000000" {
		t.Errorf("%s then %s", results[1].Path, results[2].Path)
	}
	// The record says that all of its children were deleted: as many creates as deletes.
	if got, want := tree.Get("/q").Stat().Cversion, int64(2*large+2+1); got != want {
		t.Errorf("cversion %d, want %d", got, want)
	}
}
