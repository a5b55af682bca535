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
//     nodes are gone by then. A session that has expired is never replaced unasked: connect does that. Only single
//     commands that follow something (watch, observe) or keep a node up (group join, service register) go on in another session,
//     because theirs has nothing that could be lost for good.
//   - A program that runs under a lock, a permit or a leadership is ended, with its process group, before anybody else can have
//     it, as far as its session's belief goes; see holding.go. Only when it has ended is anything given back.
//   - Nothing that is not printable reaches stdout or stderr as it is, whoever wrote it: it is escaped as \n, \x1b, \u202e.
//     The one exception is get with stdout not on a terminal, which writes the data exactly; with -s or -w, and in a
//     script, it adds a newline.
//   - The event of a watch is printed before any answer that shows the change. Only what happens while ls prints a list of
//     several pages, which is one line, is told behind it.
//   - Lists of any length (ls, find, du) are printed while they are read, in pages: memory does not grow with them.
//   - --timeout bounds a command; for those that walk a subtree or wait for their user it bounds each request. How long a lock is
//     waited for is bounded by --wait.
//   - Signals that were ignored when cox was started (nohup) stay ignored, for the programs that it starts too. Otherwise SIGINT,
//     SIGTERM, SIGHUP and SIGQUIT end a command, after it has given back what it has; or they are its program's.
//
// # Exit status and errors
//
// 0: done. 1: refused or failed, also exists and an absent node, and a script of which any command failed. 2: the command
// line cannot be understood. 128 and the number of the signal that has interrupted a command or a script; for what goes on until
// then that is the usual end, and 0. A command that has run a program while it held something has the program's status, 128 and
// the number if a signal has ended it, also when what it held could not be given back at once; 126 if the program cannot be run,
// 127 if there is none. An error is one line on stderr, "cox: no node: /x", sometimes with a second one that says what to do; in a
// script it names the line.
//
// # JSON
//
// With --json each command prints one object on one line; find, sessions and watch print one for each entry or event. Fields
// are never renamed or removed; more may come. When a list fails on the way its line is cut short, and no object.
//
//	create                {"path", "stat", "existed"}: existed, true, only if --if-absent has found the node there
//	get                   {"path", "data", "encoding", "stat"}: encoding is absent if data is the text itself, "base64" if it
//	                      is not valid UTF-8 or -b was given, "hex" with -x
//	set, stat             {"path", "stat"}
//	delete                {"path"}
//	deleteall             {"path", "deleted", "atomic"}: how many nodes, and whether in one transaction
//	exists                {"path", "exists", "stat"}: stat is absent if the node is
//	ls                    {"path", "children", "stat"}, with --page also "more"; with -l "entries", each {"name", "stat"}, in
//	                      place of children; with -R {"path", "paths", "zxid"}
//	tree                  {"path", "tree"}: a tree is {"name", "kind", "children"}, children absent if there are none
//	find                  {"path", "stat"} for each node
//	du                    {"path", "children": [{"path", "nodes", "bytes"}, …], "nodes", "bytes", "zxid"}
//	cp, mv                {"from", "to", "nodes", "stat"}
//	getAllChildrenNumber  {"path", "descendants"}
//	getEphemerals         {"prefix", "ephemerals"}
//	watch                 events, see below
//	addWatch              {"path", "mode"}
//	removewatches         {"path", "removed"}: how many
//	lock, semaphore       {"path", "node", "fence"}: without a program, when it is held; with one nothing is printed; semaphore
//	                      --set {"path", "permits"}
//	elect                 {"path", "node", "fence", "value"}, likewise
//	observe               {"term", "session", "node", "at", "missed", "data", "encoding"} for each; without a term nobody leads
//	barrier               {"path", "raised"}
//	group                 join {"path", "member", "session"}; list {"path", "members": [MEMBER, …]}; watch {"event", "member":
//	                      MEMBER}, event being Joined, Changed or Left, a MEMBER {"name", "session", "joined", "data",
//	                      "encoding"}
//	service               register {"service", "id", "address"}; list {"services"}, of one {"service", "instances": [INSTANCE, …]};
//	                      watch {"event", "instance": INSTANCE}, event being passing, critical or gone, an INSTANCE {"id",
//	                      "address", "health", "note", "tags", "metadata", "session"}
//	config                {"path", "version", "value", "zxid", "time_ms", "by", "comment", "error"}, the last three in a history,
//	                      which is {"path", "versions"}; value is the JSON itself, and absent if it is none
//	why                   {"path", "purpose", "zxid", "stat", "claims", "permits", "left_ms"} for each path, a claim being {"path",
//	                      "holds", "shared", "permits", "waits_for", "fence", "since_ms", "session", "ended", "data", "encoding"},
//	                      its session as sessions prints it; and {"circle": claims} for each circle
//	multi                 {"results": [{"op", "path", "stat", "existed", "from", "nodes", "data", "encoding"}, …]}: each has what
//	                      its operation gives
//	txn                   {"held", "failed", "results", "zxid"}: failed is the first condition that does not hold, from 1
//	sync                  {"synced": true}
//	session, connect      {"id", "timeout_ms", "server", "server_id", "state", "valid_for_ms", "name", "zxid"}
//	sessions              {"id", "name", "server", "attached", "timeout_ms", "left_ms", "ephemerals", "writes"} for each
//	kill-session          {"id", "killed": true}
//	close                 {"closed": true}
//	printwatches          {"printwatches"}: "on" or "off"
//	history               {"commands": [{"number", "command"}, …]}
//	version               {"version", "go"}
//	help                  {"help"}
//
// The fence of a grant, and the term of a leader, are numbers, as in COXSWAIN_FENCE.
//
// A stat is {"czxid", "mzxid", "pzxid", "ctime_ms", "mtime_ms", "version", "cversion", "aversion", "owner", "data_length",
// "num_children", "kind", "ttl_ms"}: transactions and sessions as hexadecimal strings "0x1f", times in milliseconds since
// 1970, kind one of persistent, ephemeral, container and ttl; owner only of an ephemeral node, ttl_ms only of a TTL node.
//
// The event of a watch is an object of its own: {"event": {"type", "path", "zxid"}} with type Created, Deleted, DataChanged,
// ChildrenChanged or Gap, which also has "from": what has happened behind that and up to zxid is not known. With --values it has
// "data", "encoding" and "stat" if the node was created or set. A watch that ends otherwise gives {"event": {"type": "Ended"},
// "reason"}, with the path of one that addWatch has set.
//
// An error is, after the line for people, {"error": {"code", "name", "path", "message"}, "line"} on stderr: code and name are the
// service's, or code is absent and name is Usage, Unreachable, NoQuorum, Timeout, Interrupted, Held, Lost, Closed or Failed;
// line only in a script.
//
// # Concurrency
//
// One goroutine carries out commands. While it waits for a line of input, another one prints events as they come, and is
// waited for before the next command begins; so output never needs a lock. While a command at a terminal waits for a lock, another one
// says who has it, and is waited for likewise. deleteall in parts may have many requests under way
// at a time and waits for them. watch waits for the program that it runs, and so does whoever holds something, who listens to
// signals, the session and the clock meanwhile. A service's checks have a goroutine, which is waited for when the service goes.
//
// # What it does not do
//
// It keeps no watch beyond a run: whoever goes on later names the transaction (watch --since). It has no access to servers but
// through package client, keeps nothing but the history of the interactive shell (mode 0600, in XDG_STATE_HOME or
// ~/.local/state), and opens no connection for help and version.
package main
