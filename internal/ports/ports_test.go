package ports

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// childEnv is set in processes that only take ports, those of the given block if they can and else of the next ones: they say
// which, and keep them until their input ends.
const childEnv = "COXSWAIN_TEST_TAKES_PORTS_FROM_BLOCK"

func TestMain(m *testing.M) {
	block, err := strconv.Atoi(os.Getenv(childEnv))
	if err != nil {
		m.Run()
		return
	}
	var order []int
	for i := range blocks {
		order = append(order, (block+i)%blocks)
	}
	if err := claim(order); err != nil {
		fmt.Println(err)
		return
	}
	addrs, err := Free(blockPorts / 2)
	fmt.Println(strings.Join(addrs, " "), err)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func free(t *testing.T, n int) []string {
	t.Helper()
	addrs, err := Free(n)
	if err != nil {
		t.Fatal(err)
	}
	return addrs
}

// round takes every port of the block that is free, beginning with the one whose turn it is.
func round(t *testing.T) []string {
	t.Helper()
	all := free(t, 1)
	for {
		next := free(t, 1)[0]
		if next == all[0] {
			return all
		}
		if slices.Contains(all, next) || len(all) == blockPorts-1 {
			t.Fatalf("%s comes after %q", next, all)
		}
		all = append(all, next)
	}
}

func TestAPortComesAgainAfterAllOthers(t *testing.T) {
	if all := round(t); len(all) < blockPorts/2 {
		t.Errorf("the block has only %d ports", len(all))
	}
}

func TestAPortInUseIsPassedOver(t *testing.T) {
	all := round(t)
	busy, last := all[2], all[len(all)-1]
	l, err := net.Listen("tcp4", busy)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for addr := ""; addr != last; {
		if addr = free(t, 1)[0]; addr == busy {
			t.Fatalf("%s is in use, and handed out", busy)
		}
	}
}

func TestTooManyArePlainlyRefused(t *testing.T) {
	if addrs, err := Free(blockPorts); err == nil || !strings.Contains(err.Error(), "free ports are wanted") {
		t.Errorf("got %d ports, %v", len(addrs), err)
	}
}

// TestProcessesShareNoPort: not while they run at the same time.
func TestProcessesShareNoPort(t *testing.T) {
	taken := round(t)
	for range 3 {
		other := exec.Command(os.Args[0])
		other.Env = append(os.Environ(), fmt.Sprintf("%s=%d", childEnv, (own.first-firstPort)/blockPorts))
		input, err := other.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		output, err := other.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			input.Close()
			if err := other.Wait(); err != nil {
				t.Error(err)
			}
		})
		line, err := bufio.NewReader(output).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		theirs, ok := strings.CutSuffix(line, " <nil>\n")
		if !ok {
			t.Fatalf("the other process got %q", line)
		}
		for _, addr := range strings.Fields(theirs) {
			if slices.Contains(taken, addr) {
				t.Errorf("two processes got %s", addr)
			}
			taken = append(taken, addr)
		}
	}
}
