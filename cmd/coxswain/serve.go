package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/admin"
	"github.com/coxswain-io/coxswain/server/consensus"
)

// drainMax bounds an orderly stop: after that the server closes at once, which loses nothing but costs an election.
const drainMax = 10 * time.Second

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "run a server until it is told to stop",
		Description: `With no flags: a cluster of one on loopback, its data in ./coxswain-data.

Three servers on three hosts, the same members on each:

   coxswain serve --id 1 --raft-addr a:7182 --client-addr a:7181 --members 1=a:7182,2=b:7182,3=c:7182 \
       --raft-ca ca.pem --raft-cert a.pem --raft-key a.key

SIGTERM or Ctrl-C: clients are told to move, leadership is handed over, exit 0. A second one stops at once.`,
		Flags:        serveFlags(),
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Action:       serve,
	}
}

func serveFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "read flags from this YAML `FILE`: one key per flag; the command line and the environment go first", EnvVars: []string{"COXSWAIN_CONFIG"}},
		&cli.StringFlag{Name: "data-dir", Value: "./coxswain-data", Usage: "keep the server's data in `DIR`", EnvVars: []string{"COXSWAIN_DATA_DIR"}},
		&cli.Uint64Flag{Name: "id", Value: 1, Usage: "this server's `NUMBER` in the cluster; it belongs to the data directory for good", EnvVars: []string{"COXSWAIN_ID"}},
		&cli.StringFlag{Name: "client-addr", Value: "127.0.0.1:7181", Usage: "`HOST:PORT` for clients", EnvVars: []string{"COXSWAIN_CLIENT_ADDR"}},
		&cli.StringFlag{Name: "raft-addr", Value: "127.0.0.1:7182", Usage: "`HOST:PORT` for the other servers", EnvVars: []string{"COXSWAIN_RAFT_ADDR"}},
		&cli.StringFlag{Name: "admin-addr", Value: "127.0.0.1:7183", Usage: "`HOST:PORT` for health, status and metrics over HTTP; empty: off", EnvVars: []string{"COXSWAIN_ADMIN_ADDR"}},
		&cli.StringFlag{Name: "members", Usage: "raft addresses of all servers, `1=HOST:PORT,2=…`, the same on every server; used at the first start only; absent: a cluster of one", EnvVars: []string{"COXSWAIN_MEMBERS"}},
		&cli.BoolFlag{Name: "join", Usage: "at the first start, wait to be added to a running cluster (coxswain members add) instead of forming one", EnvVars: []string{"COXSWAIN_JOIN"}},
		&cli.StringFlag{Name: "raft-ca", Usage: "PEM `FILE` of the authority that signs the servers' certificates; required beyond loopback", EnvVars: []string{"COXSWAIN_RAFT_CA"}},
		&cli.StringFlag{Name: "raft-cert", Usage: "PEM `FILE` of this server's certificate, for the host of its raft address", EnvVars: []string{"COXSWAIN_RAFT_CERT"}},
		&cli.StringFlag{Name: "raft-key", Usage: "PEM `FILE` of its key", EnvVars: []string{"COXSWAIN_RAFT_KEY"}},
		&cli.BoolFlag{Name: "insecure-raft", Usage: "let the raft port be reached beyond loopback without TLS: whoever reaches it can change everything", EnvVars: []string{"COXSWAIN_INSECURE_RAFT"}},
		&cli.IntFlag{Name: "max-connections", Value: 20_000, Usage: "refuse clients beyond this `NUMBER`", EnvVars: []string{"COXSWAIN_MAX_CONNECTIONS"}},
		&cli.Uint64Flag{Name: "disk-watermark", Value: 512 << 20, Usage: "refuse writes that need room while fewer than this many `BYTES` of disk are free", EnvVars: []string{"COXSWAIN_DISK_WATERMARK"}},
		&cli.StringFlag{Name: "log-level", Value: "info", Usage: "debug, info, warn or error", EnvVars: []string{"COXSWAIN_LOG_LEVEL"}},
		&cli.StringFlag{Name: "log-format", Value: "auto", Usage: "text, json, or auto: text on a terminal", EnvVars: []string{"COXSWAIN_LOG_FORMAT"}},
	}
}

func serve(c *cli.Context) error {
	if c.NArg() > 0 {
		return usageError{fmt.Errorf("serve takes flags only, not %q", c.Args().First())}
	}
	if err := readConfigFile(c); err != nil {
		return usageError{err}
	}
	log, err := newLogger(c.String("log-level"), c.String("log-format"), os.Stderr)
	if err != nil {
		return usageError{err}
	}
	members, err := parseMembers(c.String("members"))
	if err != nil {
		return usageError{err}
	}
	coarsenSleep() // may start the program anew: before anything is said or opened
	warnOpenPort(log, c.String("client-addr"))
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)
	starting, started := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer started()

	paceCollector()
	s, err := server.Start(server.Config{
		DataDir: c.String("data-dir"), ID: c.Uint64("id"), ClientAddr: c.String("client-addr"), RaftAddr: c.String("raft-addr"),
		Members: members, Join: c.Bool("join"), InsecureRaft: c.Bool("insecure-raft"),
		TLS:            consensus.TLSFiles{CA: c.String("raft-ca"), Cert: c.String("raft-cert"), Key: c.String("raft-key")},
		ConnectionsMax: c.Int("max-connections"), DiskWatermark: c.Uint64("disk-watermark"), Log: &log,
		Interrupt: starting.Done(),
	})
	if err != nil {
		return err
	}
	defer s.Close()
	var adminAddr string
	if addr := c.String("admin-addr"); addr != "" {
		a, err := admin.Listen(addr, s)
		if err != nil {
			return err
		}
		defer closeAdmin(a, log)
		adminAddr = a.Addr()
	}
	switch socket, err := admin.ListenSocket(c.String("data-dir"), s); {
	case errors.Is(err, admin.ErrPathTooLong):
		log.Warn().Err(err).Msg("going on without it: coxswain members cannot reach this server")
	case err != nil:
		return err
	default:
		defer closeAdmin(socket, log)
	}
	return serveUntil(s, stop, log, adminAddr)
}

// closeAdmin gives requests under way a moment.
func closeAdmin(l *admin.Listener, log zerolog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		log.Warn().Err(err).Msg("closing an admin listener")
	}
}

// serveUntil waits until the server is ready, says so, and waits for a signal to drain it.
func serveUntil(s *server.Server, stop <-chan os.Signal, log zerolog.Logger, adminAddr string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- s.Ready(ctx) }()
	waiting := time.NewTicker(5 * time.Second)
	defer waiting.Stop()
	for {
		select {
		case err := <-ready:
			if err != nil {
				return err
			}
			st := s.Status()
			me := strconv.FormatUint(st.Server, 10)
			log.Info().Uint64("id", st.Server).Str("clients", s.ClientAddr()).Str("raft", cmp.Or(st.Members[me], st.Joining[me])).
				Str("admin", adminAddr).Int("members", len(st.Members)).Stringer("zxid", st.Zxid).Msg("ready")
			waiting.Stop()
			ready = nil
		case <-waiting.C:
			log.Info().Msg("waiting for a majority of the members to be reachable")
		case sig := <-stop:
			log.Info().Stringer("signal", sig).Msg("draining: clients are told to move")
			drain, cancel := context.WithTimeout(context.Background(), drainMax)
			defer cancel()
			go func() {
				select {
				case <-stop:
					cancel() // asked twice: at once
				case <-drain.Done():
				}
			}()
			if err := s.Drain(drain); err != nil {
				log.Warn().Err(err).Msg("the drain was cut short")
			}
			if err := s.Close(); err != nil {
				return err
			}
			log.Info().Msg("stopped")
			return nil
		}
	}
}

// parseMembers reads 1=host:port,2=host:port.
func parseMembers(text string) (map[uint64]string, error) {
	members := map[uint64]string{}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		id, addr, ok := strings.Cut(part, "=")
		n, err := strconv.ParseUint(strings.TrimSpace(id), 10, 64)
		if !ok || err != nil || n == 0 {
			return nil, fmt.Errorf("--members %q: want NUMBER=HOST:PORT, with numbers from 1", part)
		}
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return nil, fmt.Errorf("--members %q: %w", part, err)
		}
		if other, twice := members[n]; twice {
			return nil, fmt.Errorf("--members names server %d twice: %s and %s", n, other, addr)
		}
		members[n] = addr
	}
	return members, nil
}

// warnOpenPort says what an address beyond loopback means while there is no authentication.
func warnOpenPort(log zerolog.Logger, addr string) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || host == "localhost" {
		return
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		log.Warn().Str("clients", addr).Msg("clients are not authenticated and not encrypted: keep this address inside a trusted network")
	}
}

func newLogger(level, format string, out *os.File) (zerolog.Logger, error) {
	l, err := zerolog.ParseLevel(level)
	if err != nil || l == zerolog.NoLevel {
		return zerolog.Nop(), fmt.Errorf("--log-level %q: want debug, info, warn or error", level)
	}
	var w io.Writer = out
	switch format {
	case "json":
	case "text":
		w = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: true}
	case "auto":
		if isatty.IsTerminal(out.Fd()) {
			w = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly}
		}
	default:
		return zerolog.Nop(), fmt.Errorf("--log-format %q: want text, json or auto", format)
	}
	return zerolog.New(w).Level(l).With().Timestamp().Logger(), nil
}
