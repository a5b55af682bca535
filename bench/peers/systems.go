package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/coxswain-io/coxswain/bench/load"
)

// system is one of those that are compared.
type system struct {
	name string
	// missing says what must be there before it can be started, and how it gets there; nil: nothing.
	missing func() error
	// start starts a new cluster of n servers, with nothing in it, and waits until they serve.
	start func(ctx context.Context, n int) (load.Cluster, error)
	// versions says what it consists of.
	versions func() string
}

// systems are those that are compared, in the order of each round, with the paths of the programs that are built.
func systems(coxswain, etcdServer string) []system {
	return []system{
		{
			name:    ours,
			missing: func() error { return built(coxswain, "make build") },
			start: func(ctx context.Context, n int) (load.Cluster, error) {
				c, err := load.StartCox(ctx, coxswain, n)
				if err != nil {
					return nil, err // and no cluster of another type that is nil
				}
				return c, nil
			},
			versions: func() string {
				return fmt.Sprintf("coxswain %s, Dragonboat %s", commit(), moduleIn(coxswain, "github.com/lni/dragonboat/v4"))
			},
		},
		{
			name:    "ZooKeeper",
			missing: zooKeeperMissing,
			start: func(ctx context.Context, n int) (load.Cluster, error) {
				c, err := startZooKeeper(ctx, n)
				if err != nil {
					return nil, err
				}
				return c, nil
			},
			versions: func() string {
				return fmt.Sprintf("ZooKeeper %s, %s, go-zookeeper %s", packaged("zookeeper"), javaVersion(), moduleIn(self(), "github.com/go-zookeeper/zk"))
			},
		},
		{
			name:    "etcd",
			missing: func() error { return built(etcdServer, "make bench-peers") },
			start: func(ctx context.Context, n int) (load.Cluster, error) {
				c, err := startEtcd(ctx, etcdServer, n)
				if err != nil {
					return nil, err
				}
				return c, nil
			},
			versions: func() string {
				return fmt.Sprintf("etcd %s, clientv3 %s", moduleIn(etcdServer, "go.etcd.io/etcd/server/v3"), moduleIn(self(), "go.etcd.io/etcd/client/v3"))
			},
		},
	}
}

// ours is the name of the system that the bars are about.
const ours = "coxswain"

func built(binary, how string) error {
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w: %s builds it", err, how)
	}
	return nil
}

const unknown = "of an unknown version"

func self() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}

// moduleIn is the version of a module in a program written in Go.
func moduleIn(binary, module string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return unknown
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return strings.TrimPrefix(m.Version, "v")
		}
	}
	return unknown
}

// digest tells a program from what is built later. It is empty if the program cannot be read.
func digest(binary string) string {
	program, err := os.ReadFile(binary)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%.8x", sha256.Sum256(program))
}

// commit is what the working directory has checked out.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty= with changes", "--abbrev=12").Output()
	if err != nil {
		return unknown
	}
	return strings.TrimSpace(string(out))
}

// packaged is the version of an installed package of Debian's.
func packaged(name string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output()
	if err != nil || len(out) == 0 {
		return unknown
	}
	return string(out)
}

func javaVersion() string {
	out, err := exec.Command(java, "-version").CombinedOutput()
	if found := regexp.MustCompile(`Runtime Environment \(build ([^)]+)\)`).FindSubmatch(out); err == nil && found != nil {
		return "JRE " + string(found[1])
	}
	return "JRE " + unknown
}
