package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coxswain-io/coxswain/bench/load"
	"github.com/coxswain-io/coxswain/internal/ports"
)

// What Debian's packages zookeeper and default-jre-headless install.
const (
	zooKeeperJar = "/usr/share/java/zookeeper.jar" // names the jars that it needs
	java         = "/usr/bin/java"
)

func zooKeeperMissing() error {
	for _, file := range []string{zooKeeperJar, java} {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("ZooKeeper is not installed (%w): apt-get install zookeeper", err)
		}
	}
	return nil
}

// zooKeeper is a cluster of Debian's package. What decides speed and safety is as shipped: ticks of 2 s, fsync before each
// acknowledgement, the heap that the JVM chooses.
type zooKeeper struct {
	*processes
	addrs []string // where clients connect
}

// startZooKeeper starts n servers and waits until each serves.
func startZooKeeper(ctx context.Context, n int) (*zooKeeper, error) {
	if err := zooKeeperMissing(); err != nil {
		return nil, err
	}
	addrs, err := ports.Free(3 * n)
	if err != nil {
		return nil, err
	}
	p, err := newProcesses(n)
	if err != nil {
		return nil, err
	}
	z := &zooKeeper{processes: p, addrs: addrs[:n]}
	var members strings.Builder // none: a server on its own
	for i := 0; i < n && n > 1; i++ {
		_, election, _ := net.SplitHostPort(addrs[2*n+i])
		fmt.Fprintf(&members, "server.%d=%s:%s\n", i+1, addrs[n+i], election)
	}
	for i := range n {
		if err := z.configure(i, members.String()); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	if err := p.start(ctx, func(ctx context.Context, i int) error { _, err := z.ask(ctx, i, "Mode: "); return err }); err != nil {
		return nil, err
	}
	return z, nil
}

// configure writes the files of server i and says how it is started.
func (z *zooKeeper) configure(i int, members string) error {
	host, port, err := net.SplitHostPort(z.addrs[i])
	if err != nil {
		return err
	}
	file := filepath.Join(z.dir, "zoo-"+strconv.Itoa(i+1)+".cfg")
	// The times are those of the package's example, as every installation has them. The page of the administrator's server is
	// off, because three of them want the same port.
	config := fmt.Sprintf("tickTime=2000\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\nadmin.enableServer=false\n"+
		"4lw.commands.whitelist=srvr\ndataDir=%s\nclientPortAddress=%s\nclientPort=%s\n%s", z.DataDir(i), host, port, members)
	z.servers[i].argv = []string{java, "-cp", zooKeeperJar, "org.apache.zookeeper.server.quorum.QuorumPeerMain", file}
	return errors.Join(
		os.WriteFile(file, []byte(config), 0o644),
		os.WriteFile(filepath.Join(z.DataDir(i), "myid"), []byte(strconv.Itoa(i+1)+"\n"), 0o644),
	)
}

// ask returns what follows name in what server i says of itself. One that does not serve says nothing.
func (z *zooKeeper) ask(ctx context.Context, i int, name string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", z.addrs[i])
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	for line := range bytes.Lines(answer) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			return string(bytes.TrimSpace(rest)), nil
		}
	}
	return "", fmt.Errorf("server %d says %q", i+1, answer)
}

func (z *zooKeeper) Name() string { return "ZooKeeper" }

func (z *zooKeeper) Dial(ctx context.Context, _ int) (load.Client, error) {
	return dialZooKeeper(ctx, z.addrs)
}

func (z *zooKeeper) DialAt(ctx context.Context, i int) (load.Client, error) {
	return dialZooKeeper(ctx, z.addrs[i:i+1])
}

func (z *zooKeeper) Leader(ctx context.Context) (int, error) {
	return z.leader(ctx, func(ctx context.Context, i int) (bool, error) {
		mode, err := z.ask(ctx, i, "Mode: ")
		return mode == "leader" || mode == "standalone", err
	})
}
