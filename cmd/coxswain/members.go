package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/admin"
)

// voteEvery is the time between two looks at a new server that waits for its vote.
const voteEvery = 200 * time.Millisecond

func membersCommand() *cli.Command {
	verb := func(name, operand, usage string, do func(*cli.Context, *operator) error) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, ArgsUsage: operand, Flags: membersFlags(),
			OnUsageError: func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
			Action: func(c *cli.Context) error {
				if want := len(strings.Fields(operand)); c.NArg() != want {
					return usageError{fmt.Errorf("usage: coxswain members %s --data-dir DIR [--json]", strings.TrimSpace(name+" "+operand))}
				}
				o, err := newOperator(c)
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(context.Background(), c.Duration("timeout"))
				defer cancel()
				o.ctx = ctx
				return do(c, o)
			},
		}
	}
	return &cli.Command{
		Name:  "members",
		Usage: "show and change the servers of a cluster",
		Description: `Talks to a running server through the socket in its data directory, as the user who runs it.

Replace server 2, whose disk is lost, by server 4, through server 1:

   coxswain members remove 2 --data-dir d1
   coxswain serve --id 4 --raft-addr HOST:PORT --data-dir d4 --join ...
   coxswain members add 4=HOST:PORT --data-dir d1`,
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Action: func(c *cli.Context) error {
			return usageError{errors.New("usage: coxswain members list | add ID=HOST:PORT | remove ID | transfer ID, with --data-dir DIR [--json]")}
		},
		Subcommands: []*cli.Command{
			verb("list", "", "who belongs to the cluster", listMembers),
			verb("add", "ID=HOST:PORT", "add a server that was started with --join, and wait until it votes", addMember),
			verb("remove", "ID", "remove a server for good, whether it runs or not", removeMember),
			verb("transfer", "ID", "make a server the leader", transferLeader),
		},
	}
}

func membersFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "data-dir", Value: "./coxswain-data", Usage: "ask the server that runs on `DIR`", EnvVars: []string{"COXSWAIN_DATA_DIR"}},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		&cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give up after this `TIME`"},
	}
}

// flagsFirst moves the flags of coxswain members, which are natural after the operands too, to where the library wants them.
func flagsFirst(args []string) []string {
	if len(args) < 3 || args[1] != "members" {
		return args
	}
	var flags, operands []string
	for i := 2; i < len(args); i++ {
		a := args[i]
		if !strings.HasPrefix(a, "-") || a == "-" || a == "--" {
			operands = append(operands, a)
			continue
		}
		flags = append(flags, a)
		name := strings.TrimLeft(a, "-")
		if (name == "data-dir" || name == "timeout") && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	if len(operands) == 0 {
		return args // help, or a mistake
	}
	return slices.Concat(args[:2], operands[:1], flags, operands[1:])
}

// operator talks to the server of a data directory.
type operator struct {
	ctx    context.Context // of the whole command
	dir    string
	socket string
	http   http.Client
	out    io.Writer
	json   bool
}

func newOperator(c *cli.Context) (*operator, error) {
	o := &operator{dir: c.String("data-dir"), out: os.Stdout, json: c.Bool("json")}
	var err error
	if o.socket, err = admin.SocketPath(o.dir); err != nil {
		return nil, fmt.Errorf("the server of this data directory cannot be reached: %w: run it with a shorter --data-dir", err)
	}
	o.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", o.socket)
	}}
	return o, nil
}

// call makes one request and returns the server's status in its answer.
func (o *operator) call(method, path string, query url.Values) (server.Status, error) {
	var status server.Status
	target := url.URL{Scheme: "http", Host: "coxswain", Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(o.ctx, method, target.String(), nil)
	if err != nil {
		return status, err
	}
	response, err := o.http.Do(request)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED):
		return status, fmt.Errorf("no server runs on data directory %s: start it, or name with --data-dir that of a server that runs on this machine", o.dir)
	case errors.Is(err, fs.ErrPermission):
		return status, fmt.Errorf("%s: only the user who runs the server may use it: %w", o.socket, syscall.EACCES)
	case errors.Is(err, context.DeadlineExceeded):
		return status, fmt.Errorf("the server on %s has not answered in time: is a majority of the servers running? The change may still happen: "+
			"see coxswain members list", o.dir)
	case err != nil:
		return status, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var failure admin.Failure
		if err := json.NewDecoder(response.Body).Decode(&failure); err != nil || failure.Error == "" {
			return status, fmt.Errorf("the server on %s answers %s", o.dir, response.Status)
		}
		return status, errors.New(failure.Error)
	}
	return status, json.NewDecoder(response.Body).Decode(&status)
}

// row is one server of the cluster.
type row struct {
	ID       uint64 `json:"id"`
	RaftAddr string `json:"raft_addr"`
	Role     string `json:"role"` // leader, voter or joining
	This     bool   `json:"this"` // the server that was asked
}

func rows(status server.Status) []row {
	var all []row
	add := func(members map[string]string, role string) {
		for text, addr := range members {
			id, err := strconv.ParseUint(text, 10, 64)
			if err != nil || slices.ContainsFunc(all, func(r row) bool { return r.ID == id }) {
				continue // what is joining may be older than who votes
			}
			r := row{ID: id, RaftAddr: addr, Role: role, This: id == status.Server}
			if id == status.Leader && role == "voter" {
				r.Role = "leader"
			}
			all = append(all, r)
		}
	}
	add(status.Members, "voter")
	add(status.Joining, "joining")
	slices.SortFunc(all, func(a, b row) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return all
}

func printMembers(w io.Writer, status server.Status, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(rows(status))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tRAFT ADDRESS\tROLE\t")
	for _, r := range rows(status) {
		this := ""
		if r.This {
			this = "this server"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", r.ID, r.RaftAddr, r.Role, this)
	}
	return t.Flush()
}

// done prints what was done, or the members after it as JSON.
func (o *operator) done(status server.Status, format string, args ...any) error {
	if o.json {
		return printMembers(o.out, status, true)
	}
	_, err := fmt.Fprintf(o.out, format+"\n", args...)
	return err
}

func listMembers(_ *cli.Context, o *operator) error {
	status, err := o.call(http.MethodGet, "/status", nil)
	if err != nil {
		return err
	}
	if status.Leader == 0 {
		fmt.Fprintln(os.Stderr, "coxswain: this server knows of no leader: the list may be old")
	}
	return printMembers(o.out, status, o.json)
}

func addMember(c *cli.Context, o *operator) error {
	members, err := parseMembers(c.Args().First())
	if err != nil || len(members) != 1 {
		return usageError{fmt.Errorf("%q: want the new server's ID=HOST:PORT, its raft address", c.Args().First())}
	}
	for id, addr := range members {
		text := strconv.FormatUint(id, 10)
		status, err := o.call(http.MethodPost, "/members/add", url.Values{"id": {text}, "addr": {addr}})
		if err != nil {
			return err
		}
		if status.Members[text] == "" {
			fmt.Fprintf(os.Stderr, "coxswain: server %d was added; waiting until it has caught up\n", id)
		}
		again := time.NewTicker(voteEvery)
		defer again.Stop()
		for status.Members[text] == "" {
			select {
			case <-again.C:
			case <-o.ctx.Done():
				return fmt.Errorf("server %d belongs to the cluster, but has not caught up yet; it will vote as soon as it has: see coxswain members list", id)
			}
			if status, err = o.call(http.MethodGet, "/status", nil); err != nil && o.ctx.Err() == nil {
				return err
			}
		}
		return o.done(status, "server %d votes now", id)
	}
	return nil
}

func removeMember(c *cli.Context, o *operator) error {
	id, err := memberID(c)
	if err != nil {
		return err
	}
	status, err := o.call(http.MethodPost, "/members/remove", url.Values{"id": {id}})
	if err != nil {
		return err
	}
	return o.done(status, "server %s was removed: its id can never be used again", id)
}

func transferLeader(c *cli.Context, o *operator) error {
	id, err := memberID(c)
	if err != nil {
		return err
	}
	status, err := o.call(http.MethodPost, "/transfer-leader", url.Values{"to": {id}})
	if err != nil {
		return err
	}
	return o.done(status, "server %s leads now", id)
}

func memberID(c *cli.Context) (string, error) {
	text := c.Args().First()
	if n, err := strconv.ParseUint(text, 10, 64); err != nil || n == 0 {
		return "", usageError{fmt.Errorf("%q: want a server's number", text)}
	}
	return text, nil
}
