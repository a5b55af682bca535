// Command cox is the shell of coxswain: a client that carries out commands from its arguments, from a script, or from a
// user at a terminal.
//
//	arguments ───────────────┐
//	script ──▶ lines ──┐     ▼                     ┌──▶ create.go, get.go, … ──▶ client ──▶ servers
//	terminal ─▶ lines ─┴▶ words ──▶ table of verbs ┤          │
//	   ▲                                           └──────────┤ answer, or error
//	   └── watches: events between commands                   ▼
//	                                              output: text or JSON; stdout, stderr
//
// cox help lists the commands and cox help COMMAND explains one; both are golden files in testdata. A verb is a file: its
// help, its options, what it does and how its answer looks.
//
// # Invariants
//
//   - One-shot commands, scripts and the interactive shell use the same table of verbs and the same parser. Options stand
//     before or after arguments, as in zkCli.
//   - One run has one session, opened when the first command needs it and closed when the run ends, so that its ephemeral
//     nodes are gone by then. A session that has expired is never replaced unasked: connect does that.
//   - Nothing that is not printable reaches stdout or stderr as it is, whoever wrote it: it is escaped as \n, \x1b, \u202e.
//     The one exception is get with stdout not on a terminal, which writes the data exactly; with -s or -w, and in a
//     script, it adds a newline.
//   - The event of a watch is printed before any answer that shows the change.
//   - --timeout bounds a command; for those that walk a subtree or wait for their user it bounds each request.
//
// # Exit status and errors
//
// 0: done. 1: refused or failed, also exists and an absent node, and a script of which any command failed. 2: the command
// line cannot be understood. An error is one line on stderr, "cox: no node: /x", sometimes with a second one that says what
// to do; in a script it names the line.
//
// # JSON
//
// With --json each command prints one object on one line. Fields are never renamed or removed; more may come.
//
//	create                {"path", "stat"}
//	get                   {"path", "data", "encoding", "stat"}: encoding is absent if data is the text itself, "base64" if it
//	                      is not valid UTF-8 or -b was given, "hex" with -x
//	set, stat             {"path", "stat"}
//	delete                {"path"}
//	deleteall             {"path", "deleted"}: how many nodes
//	exists                {"path", "exists", "stat"}: stat is absent if the node is
//	ls                    {"path", "children", "stat"}; with -R {"path", "paths"}
//	tree                  {"path", "tree"}: a tree is {"name", "kind", "children"}, children absent if there are none
//	getAllChildrenNumber  {"path", "descendants"}
//	getEphemerals         {"prefix", "ephemerals"}
//	multi                 {"results": [{"op", "path", "stat"}, …]}: stat for create and set
//	sync                  {"synced": true}
//	session, connect      {"id", "timeout_ms", "server", "server_id", "state"}
//	close                 {"closed": true}
//	printwatches          {"printwatches"}: "on" or "off"
//	history               {"commands": [{"number", "command"}, …]}
//	version               {"version", "go"}
//	help                  {"help"}
//
// A stat is {"czxid", "mzxid", "pzxid", "ctime_ms", "mtime_ms", "version", "cversion", "aversion", "owner", "data_length",
// "num_children", "kind", "ttl_ms"}: transactions and sessions as hexadecimal strings "0x1f", times in milliseconds since
// 1970, kind one of persistent, ephemeral, container and ttl; owner only of an ephemeral node, ttl_ms only of a TTL node.
//
// The event of a watch is an object of its own: {"event": {"type", "path", "zxid"}} with type Created, Deleted, DataChanged or
// ChildrenChanged, or {"event": {"type": "Ended"}, "reason"} if the watch ended without one. An error is, after the line
// for people, {"error": {"code", "name", "path", "message"}, "line"} on stderr: code and name are the service's, or code
// is absent and name is Usage, Unreachable, NoQuorum, Timeout, Interrupted, Closed or Failed; line only in a script.
//
// # Concurrency
//
// One goroutine carries out commands. While it waits for a line of input, another one prints events as they come, and is
// waited for before the next command begins; so output never needs a lock. deleteall has many requests under way at a time
// and waits for them.
//
// # What it does not do
//
// It has no access to servers but through package client, keeps nothing but the history of the interactive shell (mode
// 0600, in XDG_STATE_HOME or ~/.local/state), and opens no connection for help and version.
package main
