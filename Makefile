# Targets install the Debian packages that they need, as root or through sudo, and say which.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

install := scripts/install-deps.sh
bazel := bazel
list := git ls-files --cached --others --exclude-standard
go_files := $(list) '*.go'
cpp_files := $(list) 'cpp/*.h' 'cpp/*.hpp' 'cpp/*.cc' 'cpp/*.c' 'bazel/*.cc' 'examples/*.c' 'examples/*.cc' 'upstream/*.c' 'upstream/*.cc'

# Tags of the tests that `make test` leaves out.
slow := browser,container,interop,large,runners

# A fully static program runs in any container of its architecture, as Beam workers must.
static := -trimpath -tags netgo,osusergo -ldflags '-s -w -linkmode external -extldflags "-static"'

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Turn TFRecords into ArrayRecords with Beam, and read some back by number
	@$(install) core
	@$(MAKE) --no-print-directory build
	@scripts/demo.sh

.PHONY: build
build: ## Build bin/arrayrecord and bin/arrayrecord-beam (static)
	@$(install) core
	@scripts/check-tools.sh go
	@echo "==> Building (the first time takes a minute or two)"
	CGO_ENABLED=1 go build -trimpath -o bin/arrayrecord ./cmd/arrayrecord
	CGO_ENABLED=1 go build $(static) -o bin/arrayrecord-beam ./cmd/arrayrecord-beam

.PHONY: test
test: ## Run the Go tests and the C++ unit tests
	@$(install) core cpp-test
	@scripts/check-tools.sh go
	go vet ./...
	go -C examples/beam vet ./...
	@$(MAKE) --no-print-directory --output-sync=target -j$$(nproc) -f scripts/cpp-tests.mk
	go test ./...
	go -C examples/beam test ./...

# Installs nothing that it needs, as DESTDIR may be a package's, and builds no Go: `make build` does.
.PHONY: install uninstall install-commands
install: ## Install the C and C++ library, and the commands of `make build` (PREFIX=/usr/local, DESTDIR=)
uninstall: ## Remove what `make install` has installed
install uninstall:
	@$(MAKE) --no-print-directory -f scripts/library.mk $@
	@scripts/install-commands.sh --if-built $@ "$${DESTDIR:-}$${PREFIX:-/usr/local}"
install-commands: ## Install the commands of `make build` alone, with manual pages and completions
	@scripts/install-commands.sh install "$${DESTDIR:-}$${PREFIX:-/usr/local}"

.PHONY: test-install
test-install: ## Install the library elsewhere, build the examples with it, and the Debian packages
	@$(install) core install
	scripts/install-test.sh

.PHONY: test-platforms
test-platforms: ## Test the core on arm64, on old processors, and with portable calls only
	@$(install) core cpp-test platforms
	scripts/platforms-test.sh

# A core as another library behind the header may be: with none of its optional functions.
.PHONY: test-required-only
test-required-only: ## Run the Go tests of the library on a core without optional functions
	@$(install) core
	CGO_CXXFLAGS="$${CGO_CXXFLAGS:--g -O2} -DAR_REQUIRED_ONLY" go test ./arrayrecord/... ./storage ./tfrecord/...

.PHONY: checks
checks: ## Remove each check of the core's input in turn: some test must fail
	@$(install) core cpp-test
	go run ./scripts/checks

.PHONY: lint
lint: ## Check formatting, go vet, staticcheck
	@$(install) core lint
	@unformatted=$$($(go_files) | xargs gofmt -l); \
	if [[ -n $$unformatted ]]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(cpp_files) | xargs clang-format-14 --dry-run -Werror
	go mod tidy -diff
	go -C examples/beam mod tidy -diff
	go vet -tags $(slow) ./...
	go vet -tags arrayrecord_bazel ./...
	go tool staticcheck -tags $(slow) ./...

.PHONY: format
format: ## Format the Go, C and C++ sources
	@$(install) lint
	$(go_files) | xargs gofmt -w
	$(cpp_files) | xargs clang-format-14 -i

.PHONY: cpp-test
cpp-test: ## Build the core with Bazel and run its tests
	@$(install) bazel
	$(bazel) test //...
	BAZEL=$(bazel) scripts/bazel-dependency-test.sh

.PHONY: cpp-sanitize
cpp-sanitize: ## Run the C++ tests under ASan with UBSan, then under TSan
	@$(install) bazel
	$(bazel) test --config=asan //...
	$(bazel) test --config=tsan //...

# Go's caches do not notice a new archive; -count=1 has it link and run anyway.
.PHONY: test-bazel
test-bazel: ## Run the Go tests of the core's callers on the library that Bazel built
	@$(install) bazel
	$(bazel) build //cpp:arrayrecord
	go test -count=1 -tags arrayrecord_bazel ./arrayrecord/... ./cmd/arrayrecord

.PHONY: race
race: ## Run the Go tests with the race detector
	@$(install) core
	go test -race -timeout 30m ./...

.PHONY: asan
asan: ## Run the Go tests of the core's callers with Go and C++ under ASan
	@$(install) core
	go test -asan -timeout 30m ./arrayrecord/...

.PHONY: fuzz-smoke
fuzz-smoke: ## Run every Go and C++ fuzzer for FUZZ_SECONDS (default 10)
	@$(install) bazel fuzz
	scripts/fuzz-smoke.sh

# Takes a quarter of an hour of a processor; the Go tests try 18 moments.
.PHONY: test-kill
test-kill: ## Kill commands that write at 1,000 random moments: no broken files, nothing lost
	@$(install) core
	ARRAYRECORD_KILLS=1000 go test -count=1 -timeout 2h -v -run TestKilledAtRandomMoments ./cmd/arrayrecord

.PHONY: test-large
test-large: ## Write and read records of several hundred MB (takes some GB of memory)
	@$(install) core
	go test -tags large -run HundredMB ./arrayrecord
	go test -tags large -run OneGB ./cmd/arrayrecord-beam

.PHONY: test-browser
test-browser: ## Use the viewer's page in Chromium; screenshots go to build/screenshots
	@$(install) core browser
	ARRAYRECORD_SCREENSHOTS=$(CURDIR)/build/screenshots go test -count=1 -tags browser -run Browser ./cmd/arrayrecord

.PHONY: interop
interop: ## Check against upstream's Python package
	@$(install) core interop
	interop/run.sh

.PHONY: runners-flink runners-spark runners-dataflow
runners-flink: ## Run pipelines on Flink, through the job server from Maven Central
runners-spark: ## Run pipelines on Spark, likewise
runners-dataflow: ## Check the job that Dataflow would be sent
runners-flink runners-spark runners-dataflow: runners-%:
	@$(install) core java
	@$(MAKE) --no-print-directory build
	runners/run.sh $*

.PHONY: bench
bench: ## Measure against the other libraries (BENCH_FLAGS, e.g. --size=full; --help lists them)
	@$(install) core interop
	go run ./bench $(BENCH_FLAGS)

.PHONY: bench-copy
bench-copy: ## Measure how fast chunks are copied, next to cp (BENCH_FLAGS; --help lists them)
	@$(MAKE) --no-print-directory build
	go run ./bench/copy $(BENCH_FLAGS)

bench_beam := build/bench-beam
.PHONY: bench-beam
bench-beam: ## Measure conversions with Beam against a plain loop and upstream's (BENCH_FLAGS, e.g. --size=full; --help lists them)
	@$(install) core interop
	@$(MAKE) --no-print-directory build
	@cmp -s bench/beam/requirements.txt $(bench_beam)/venv/installed.txt || { \
	  rm -rf $(bench_beam)/venv && mkdir -p $(bench_beam) && python3 -m venv $(bench_beam)/venv && \
	  $(bench_beam)/venv/bin/pip install --quiet --disable-pip-version-check -r bench/beam/requirements.txt && \
	  cp bench/beam/requirements.txt $(bench_beam)/venv/installed.txt; }
	go build -o $(bench_beam)/bench ./bench/beam
	$(bench_beam)/bench $(BENCH_FLAGS)

.PHONY: bench-check
bench-check: ## Compare the speed with that of BASE (default origin/main or HEAD~1); over 5 % slower fails
	@$(install) core
	bench/guard/check.sh

.PHONY: container
container: ## Make the contents of the container images, and test them
	container/run.sh

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin build
	if command -v $(bazel) >/dev/null; then $(bazel) clean; fi
