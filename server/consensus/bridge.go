package consensus

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lni/dragonboat/v4/logger"
	"github.com/rs/zerolog"
)

// bridge brings Dragonboat's log lines into zerolog. Dragonboat has one set of loggers per process and accepts its
// factory once; lines of several logs in one process cannot be told apart and go to the logger attached last.
var bridge = &logBridge{kinds: make(map[string]*flood)}

type logBridge struct {
	install sync.Once

	mu       sync.Mutex
	attached []*zerolog.Logger
	kinds    map[string]*flood // by package and format string, of which there are finitely many
}

// attach makes log receive Dragonboat's lines until the returned function is called.
func (b *logBridge) attach(log zerolog.Logger) (detach func()) {
	b.install.Do(func() {
		logger.SetLoggerFactory(func(pkg string) logger.ILogger {
			return &bridgedLogger{bridge: b, pkg: pkg, chatty: pkg == "raft" || pkg == "transport"}
		})
	})
	entry := &log
	b.mu.Lock()
	b.attached = append(b.attached, entry)
	b.mu.Unlock()
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.attached = slices.DeleteFunc(b.attached, func(l *zerolog.Logger) bool { return l == entry })
	}
}

// target returns the logger to write to, nil if there is none.
func (b *logBridge) target() *zerolog.Logger {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.attached) == 0 {
		return nil
	}
	return b.attached[len(b.attached)-1]
}

func (b *logBridge) kind(key string) *flood {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.kinds[key]
	if f == nil {
		f = new(flood)
		b.kinds[key] = f
	}
	return f
}

// bridgedLogger is the logger of one of Dragonboat's packages.
type bridgedLogger struct {
	bridge *logBridge
	pkg    string
	chatty bool // warns once per lost message
}

// SetLevel does nothing: zerolog's level decides.
func (l *bridgedLogger) SetLevel(logger.LogLevel) {}

// Debugf drops what Dragonboat calls debugging: it is per message.
func (l *bridgedLogger) Debugf(string, ...any) {}

// Infof writes at debug level: Dragonboat tells much about itself that is not about the cluster.
func (l *bridgedLogger) Infof(format string, args ...any) { l.write(zerolog.DebugLevel, format, args) }

// Warningf writes a warning; floods are thinned out.
func (l *bridgedLogger) Warningf(format string, args ...any) {
	if strings.HasPrefix(format, "mutual TLS disabled") {
		return // it means its own transport, which is not in use
	}
	if strings.HasPrefix(format, "ElectionRTT is not a magnitude larger") {
		return // by choice: see the package doc
	}
	l.write(zerolog.WarnLevel, format, args)
}

// Errorf writes a warning: an error for Dragonboat, such as a peer that cannot be reached, is none for the cluster.
func (l *bridgedLogger) Errorf(format string, args ...any) { l.write(zerolog.WarnLevel, format, args) }

// Panicf writes an error that says what to do, and panics. Dragonboat calls it where it cannot go on; it relies on not returning.
func (l *bridgedLogger) Panicf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if log := l.bridge.target(); log != nil {
		log.Error().Str("from", "dragonboat/"+l.pkg).Msg("the log cannot go on, the process stops: " + remedy(text) + ": " + text)
	}
	panic(text)
}

const replaceServer = "remove this server from the cluster and add a new one with an id that was never used"

// remedy is what an operator can do about a panic of Dragonboat.
func remedy(text string) string {
	if strings.Contains(text, "invalid commitTo") {
		return "this server has acknowledged entries that are not in its log any more, because the end of the log was lost or the data " +
			"directory is an old copy: do not start it again, " + replaceServer
	}
	return "check the disk of the data directory before starting it again; if it is then refused, or stops in the same way, " + replaceServer
}

func (l *bridgedLogger) write(level zerolog.Level, format string, args []any) {
	log := l.bridge.target()
	if log == nil || log.GetLevel() > level || zerolog.GlobalLevel() > level {
		return
	}
	missed := 0
	if l.chatty && level == zerolog.WarnLevel {
		var ok bool
		if ok, missed = l.bridge.kind(l.pkg + format).pass(time.Now()); !ok {
			return
		}
	}
	event := log.WithLevel(level).Str("from", "dragonboat/"+l.pkg)
	if missed > 0 {
		event = event.Int("suppressed", missed)
	}
	event.Msgf(format, args...)
}
