# make help prints the targets. Everything runs on a fresh machine with Go (and gcc for the race detector).
GO      ?= go
ROUNDS  ?= 50
SECONDS ?= 60
WATCHES ?= 100000
SCHEDULES ?= 1000
RECONNECTS ?= 10000
CHILDREN ?= 1000000
ELECTIONS ?= 200
LOCKS   ?= 200
PEER_ROUNDS ?= 5
RUNS    ?= 10000
SEED    ?= 0
FOR     ?= 10m
HOURS   ?= 1
DISKS   ?= 50
CASES   ?= 500
POINTS  ?= 4500
OPERATIONS ?= 10000000
# Linters are pinned: a new release must not break an old commit.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help build run demo test race lint fuzz kills watches schedules reconnects children elections locks simulate chaos soak disks storms power corrupt determinism planted microbench bench bench-peers ci clean

help: ## print the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the binaries into bin/
	@$(GO) build -trimpath -o bin/coxswain ./cmd/coxswain
	@$(GO) build -trimpath -o bin/cox ./cmd/cox
	@$(GO) build -trimpath -o bin/coxbench ./bench
	@$(GO) build -trimpath -o bin/coxdemo ./cmd/coxdemo

run: build ## start a durable server on loopback and open the shell on it (make run < script runs a script)
	@bin/coxdemo run

demo: build ## three servers, a guided tour, the death of the leader under load
	@bin/coxdemo tour

test: ## all tests; those of bench/peers start ZooKeeper and etcd only if they are there, and not with -short
	$(GO) test ./...
	cd bench/peers && $(GO) test -short ./...

race: ## all tests under the race detector
	$(GO) test -race -timeout 20m ./...

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "not gofmt-ed"; exit 1; }
	$(GO) vet ./...
	cd bench/peers && $(GO) vet ./...
	cd bench/peers/etcd && $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

fuzz: ## every fuzz target for SECONDS=60
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
		echo "== $$p $$f"; $(GO) test $$p -run '^$$' -fuzz "^$$f$$" -fuzztime $(SECONDS)s || exit 1; done; done

kills: ## kill -9 the leader ROUNDS=50 times under load and check everything
	$(GO) test ./server/process -run TestKillLeader -v -timeout 30m -args -kill.rounds $(ROUNDS)

watches: ## WATCHES=100000 watches of all sorts while leaders are killed and connections cut; and that planted bugs are found
	$(GO) test ./server/process -run 'TestWatch|TestGap' -v -timeout 30m -args -watches.count $(WATCHES)

schedules: ## SCHEDULES=1000 random schedules of faults against clients that check every answer
	$(GO) test ./server/servertest -run 'TestSchedules$$' -v -timeout 60m -args -schedules $(SCHEDULES)

reconnects: ## RECONNECTS=10000 of one client: everything works after, nothing has grown
	$(GO) test ./server/servertest -run 'TestReconnects$$' -v -timeout 60m -args -reconnects $(RECONNECTS)

children: ## one node with CHILDREN=1000000 children, listed in pages
	$(GO) test ./server/servertest -run TestLargeParent -v -timeout 30m -args -children $(CHILDREN)

locks: ## LOCKS=200 times a lock's holder is stopped past its timeout, leaders killed, connections cut; a resource checks the fences
	$(GO) test ./recipes -run 'TestLockCheck$$' -v -timeout 60m -args -locks.cycles $(LOCKS) -locks.waits 1000

elections: ## ELECTIONS=200 changes of a leader under faults: never two at once, every term observed once, in order
	$(GO) test ./recipes -run 'TestElections$$' -v -timeout 30m -args -elections $(ELECTIONS)

# The runtime's own chances follow the seed in this build; the first one compiles the standard library anew.
DETERMINISTIC = -tags deterministic -overlay "$$($(GO) run ./internal/overlay/make deterministic)"

simulate: ## RUNS=10000 simulated clusters under faults, 500 operations each, every history checked; SEED=n is the first one's (0: by chance)
	$(GO) test $(DETERMINISTIC) ./server/simulation -run 'TestHistories|TestSeedReproduces' -timeout 6h -v -parallel 2 \
		-args -simulation.runs $(RUNS) -simulation.seed $(SEED) -simulation.operations 500

chaos: ## real processes in network namespaces under random faults, FOR=10m; SEED=n repeats the choices (0: by the clock)
	$(GO) test ./server/chaos -run 'TestChaos$$' -v -timeout 0 -args -chaos.for $(FOR) -chaos.seed $(SEED)

soak: ## the same for HOURS=1
	$(GO) test ./server/chaos -run 'TestChaos$$' -v -timeout 0 -args -chaos.for $(HOURS)h -chaos.seed $(SEED)

disks: ## DISKS=50 times the leader's disk is full, fails, or is slow
	$(GO) test ./server/chaos -run 'TestDisk$$' -v -timeout 2h -args -disk.rounds $(DISKS)

storms: ## floods of connections, handshakes, watches and nonsense in full size; best with nothing else running
	$(GO) test ./server/storms -count=1 -v -timeout 60m -args -storms.full

power: ## loss of power at POINTS=4500 moments, which are all of three workloads; and a failure of each fsync
	$(GO) test ./server/consensus -run 'TestPowerLoss|TestAFailedSync' -v -timeout 2h -args -power.points $(POINTS) -sync.failures 200

corrupt: ## CASES=500 times a file is damaged, of one server and of one of three
	$(GO) test ./server/storage -v -timeout 2h -args -corrupt.cases $(CASES)

determinism: ## OPERATIONS=10000000 through replicas that live, that are restored all the time, and that replay from empty
	$(GO) test ./server/state -run TestReplicasStayEqual -v -timeout 2h -args -determinism.operations $(OPERATIONS)

planted: ## plants one bug after the other and demands that a suite finds it within five minutes
	$(GO) test -tags planted ./internal/planted -run TestEveryBugIsCaught -v -timeout 2h

microbench: ## every Go benchmark of the core once: trees of 1,000 and 1,000,000 nodes, codecs, apply, watches, snapshots
	$(GO) test ./znode ./session ./wire ./server/state ./server/watch -run '^$$' -bench . -benchtime 0.3s -benchmem

bench: build ## first figures: three processes on loopback
	@bin/coxbench --local 3

bench-peers: build ## ours, ZooKeeper and etcd in turn, PEER_ROUNDS=5 rounds, into bench/RESULTS.md (needs Debian's zookeeper)
	@cd bench/peers/etcd && $(GO) build -trimpath -o ../../../bin/peers-etcd .
	@cd bench/peers && $(GO) build -trimpath -o ../../bin/coxpeers .
	@bin/coxpeers --rounds $(PEER_ROUNDS)

ci: ## what the continuous integration runs
	.ci/run

clean: ## remove the binaries
	rm -rf bin
