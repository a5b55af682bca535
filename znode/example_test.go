package znode_test

import (
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/znode"
)

func Example() {
	tree := znode.NewTree()
	results, changes, err := tree.Apply(
		znode.Txn{Zxid: 1, TimeMS: 1_700_000_000_000, Owner: 0x77},
		[]znode.Op{
			{Kind: znode.OpCreate, Path: "/queue"},
			{Kind: znode.OpCreate, Path: "/queue/n-", Mode: znode.ModeEphemeralSequential, Data: []byte("first")},
			{Kind: znode.OpCreate, Path: "/queue/n-", Mode: znode.ModeEphemeralSequential, Data: []byte("second")},
		}, nil, nil)
	if err != nil { // a *znode.Error: compare it with nil before it becomes an error
		fmt.Println(err)
		return
	}
	fmt.Println(results[2].Path, changes[2].Type)

	_, _, err = tree.Apply(znode.Txn{Zxid: 2}, []znode.Op{
		{Kind: znode.OpSet, Path: "/queue", Guard: znode.IfVersion(3)},
	}, nil, nil)
	fmt.Println(errors.Is(err, znode.CodeBadVersion), err)

	tree.Children("/queue", "", func(name string, child *znode.Node) bool {
		fmt.Printf("%s %s %v\n", name, child.Data(), child.Stat().Kind)
		return true
	})
	fmt.Println(tree.CloseOwner(znode.Txn{Zxid: 2}, 0x77, nil))
	// Output:
	// /queue/n-0000000001 created
	// true bad version: /queue (its version is 0, expected 3; read it again)
	// n-0000000000 first ephemeral
	// n-0000000001 second ephemeral
	// [deleted /queue/n-0000000000 deleted /queue/n-0000000001]
}
