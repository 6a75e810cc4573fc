# Everything here needs Go, make and git only; other tools are built into bin/ from hack/tools.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# One set of build settings everywhere, so that one build cache serves every target.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false

BIN := $(CURDIR)/bin
export PATH := $(BIN):$(PATH)

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
KUBERNETES_VERSION := v1.35.4
KWOK_VERSION := v0.8.0
COMPONENT_VERSION := -X k8s.io/component-base/version.gitVersion=$(KUBERNETES_VERSION) \
	-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35
LDFLAGS := -s -w -X main.version=$(VERSION) $(COMPONENT_VERSION)

COMMANDS := $(notdir $(patsubst %/,%,$(wildcard cmd/*/)))
# Modules of their own whose tests start control planes.
E2E_MODULES := $(patsubst %/go.mod,%,$(wildcard test/testbed/go.mod test/go.mod))
MODULES := . $(E2E_MODULES) hack/tools hack/kubectl
STAGE := hack/stage.sh

##@ Use

.PHONY: help
help: ## Print this help.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build testbed ## Show one cluster over three clouds; KEEP=1 leaves it up.
	@KEEP=$(KEEP) go run ./hack/demo

.PHONY: build
build: ## Build every command into bin/.
	@mkdir -p $(BIN)
	@for command in $(COMMANDS); do echo "building bin/$$command $(VERSION)"; go build -ldflags '$(LDFLAGS)' -o $(BIN)/$$command ./cmd/$$command; done

.PHONY: testbed
testbed: ## Build the programs that tests and the demo run a control plane with.
	@mkdir -p $(BIN)
	@echo "building bin/tradewind-testbed $(KUBERNETES_VERSION)"
	@cd test/testbed && go build -ldflags '-s -w $(COMPONENT_VERSION)' -o $(BIN)/tradewind-testbed ./cmd/tradewind-testbed
	@echo "building bin/kubectl $(KUBERNETES_VERSION)"
	@cd hack/kubectl && go build -ldflags '-s -w $(COMPONENT_VERSION)' -o $(BIN)/kubectl .
	@if ! [ -x $(BIN)/kwok ]; then echo "building bin/kwok $(KWOK_VERSION)"; GOBIN=$(BIN) go install -ldflags '-s -w' sigs.k8s.io/kwok/cmd/kwok@$(KWOK_VERSION); fi

##@ Develop

.PHONY: generate
generate: generators ## Write the generated files: deep copies, apply configurations, CustomResourceDefinitions, API reference.
	@hack/generate.sh

.PHONY: fmt
fmt: ## Format every Go file.
	@gofmt -w .

.PHONY: tools
tools: generators linter ## Build the development tools into bin/.

.PHONY: generators
generators:
	@mkdir -p $(BIN)
	@cd hack/tools && go build -o $(BIN)/ sigs.k8s.io/controller-tools/cmd/controller-gen k8s.io/code-generator/cmd/applyconfiguration-gen ./crdbounds ./apidocs

.PHONY: linter
linter:
	@mkdir -p $(BIN)
	@cd hack/tools/lint && go build -o $(BIN)/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: clean
clean: ## Remove what the Makefile built; the build cache of Go stays.
	@rm -rf $(BIN)

##@ Check

# How long make test fuzzes with each fuzz test: long enough to see that it runs and finds nothing near. What is found by chance stops
# whoever happens to run it then, so that the search for more has a target of its own: make fuzz FUZZTIME=60s.
TESTFUZZTIME ?= 3s

.PHONY: test
test: ## Run every check and test, as continuous integration does.
	@begin=$$SECONDS; \
	$(STAGE) "formatting" $(MAKE) fmt-check; \
	$(STAGE) "generated files" $(MAKE) verify-generated; \
	$(STAGE) "lint" $(MAKE) lint; \
	$(STAGE) "unit tests" $(MAKE) test-unit; \
	$(STAGE) "fuzz tests" $(MAKE) fuzz FUZZTIME=$(TESTFUZZTIME); \
	$(STAGE) "programs" $(MAKE) build $(if $(wildcard test/testbed/go.mod),testbed); \
	$(STAGE) "integration and end-to-end tests" $(MAKE) test-e2e; \
	echo "all checks and tests passed in $$((SECONDS - begin)) s"

.PHONY: fmt-check
fmt-check: ## Fail when a Go file is not formatted.
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "not formatted (run make fmt):"; echo "$$unformatted"; exit 1; }

.PHONY: vet
vet: ## Run go vet by itself in every module.
	@for module in $(MODULES); do echo "go vet in $$module"; (cd $$module && go vet ./...); done

# staticcheck and its like read every dependency, which for a module that holds an API server takes minutes; such modules get
# the linters that do not. go vet is among them, so that make test does not run it by itself, nor go test with each package.
# A cache of this checkout's own: one that several share reports what was found in files that are elsewhere, or gone.
.PHONY: lint
lint: export GOLANGCI_LINT_CACHE := $(BIN)/golangci-lint-cache
lint: linter ## Run golangci-lint in every module.
	@lint() { echo "golangci-lint in $$1"; (cd "$$1" && golangci-lint run --allow-parallel-runners --config "$(CURDIR)/$$2" ./...); }; \
	lint . .golangci.yml; lint hack/tools .golangci.yml; for module in $(E2E_MODULES) hack/kubectl; do lint $$module .golangci.light.yml; done

.PHONY: verify-generated
verify-generated: generators ## Fail when a generated file is out of date.
	@hack/verify-generated.sh

.PHONY: test-unit
test-unit: solver ## Run the tests that need no control plane.
	@go test -vet=off -timeout 30m ./...

# How long each fuzz test runs, which of them (a regular expression), and how many of the inputs that it found are kept in
# testdata/fuzz.
FUZZTIME ?= 10s
FUZZ ?=
FUZZKEEP ?= 0

.PHONY: fuzz
fuzz: ## Fuzz every reader of what people and networks write, FUZZTIME=10s each.
	@go run ./hack/fuzz -time $(FUZZTIME) -run '$(FUZZ)' -keep $(FUZZKEEP)

.PHONY: catalog-audit
catalog-audit: ## Fail when a built-in price contradicts its neighbours; part of the unit tests.
	@go run ./hack/catalog/pricing --audit

.PHONY: test-e2e
test-e2e: build testbed ## Run the tests that start control planes.
	@export TRADEWIND_TESTBED=$(BIN)/tradewind-testbed; for module in $(E2E_MODULES); do echo "go test in $$module"; (cd $$module && go test -vet=off -timeout 60m $$(go list ./... | grep -v -e /performance -e /peers/ -e '/chaos$$')); done
	@$(MAKE) run-chaos SEED=$(or $(SEED),7)

.PHONY: chaos
chaos: build testbed run-chaos ## Break a cluster and check what Tradewind does; DURATION= seconds, SEED=, TIMES=kubernetes.

# A test by itself, since what it breaks needs both cores; without a list of packages its output is printed as it comes.
.PHONY: run-chaos
run-chaos:
	@cd test/chaos && TRADEWIND_TESTBED=$(BIN)/tradewind-testbed TRADEWIND_CONTROLLER=$(BIN)/tradewind-controller TRADEWIND_SCHEDULER=$(BIN)/tradewind-scheduler \
		SEED=$(SEED) DURATION=$(DURATION) TIMES=$(TIMES) ARTIFACTS=$(ARTIFACTS) go test -vet=off -count 1 -timeout $$(( $(or $(DURATION),180) * 2 + 1200 ))s

FOCUS ?=

.PHONY: peer-kube
peer-kube: build testbed ## Run Kubernetes' own scheduling cases with kube-scheduler and with ours; FOCUS= a regular expression.
	@cd test && TRADEWIND_TESTBED=$(BIN)/tradewind-testbed TRADEWIND_SCHEDULER=$(BIN)/tradewind-scheduler FOCUS='$(FOCUS)' ARTIFACTS=$(ARTIFACTS) \
		go test -count 1 -timeout 0 ./peers/kube | grep -v '^?'

.PHONY: bench
bench: ## Run the benchmarks, one line a figure: BENCH name value unit.
	@go test -run '^$$' -bench . -benchmem ./... | awk '\
		/^pkg:/ {n = split($$2, part, "/"); package = part[n]} \
		/^Benchmark/ {name = $$1; sub(/^Benchmark/, "", name); sub(/-[0-9]+$$/, "", name); \
			for (i = 3; i < NF; i += 2) {print "BENCH " package "." name " " $$i " " $$(i + 1); fflush()}} \
		/^(FAIL|panic|---)/ {print}'
	@$(MAKE) bench-engine bench-controller bench-scheduler

# The exact solver that the engine's plans are compared with, Debian's coinor-cbc. Without it the comparison is left out, and
# says so.
.PHONY: solver
solver:
	@command -v cbc >/dev/null || { echo "installing coinor-cbc, the exact solver that plans are compared with"; \
		sudo=; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
		{ command -v apt-get && { $$sudo timeout 120 apt-get install -qq -y --no-install-recommends coinor-cbc || { $$sudo timeout 120 apt-get update -qq && $$sudo timeout 120 apt-get install -qq -y --no-install-recommends coinor-cbc; }; }; } >/dev/null 2>&1 || \
		echo "coinor-cbc could not be installed: plans are not compared with an exact solver"; }

.PHONY: bench-engine
bench-engine: solver ## Measure the placement engine: speed, gap, and distance from the exact optimum.
	@go run ./hack/reference
	@go run ./hack/engine-bench

.PHONY: bench-controller
bench-controller: build testbed ## Measure the placement controller over 1,000 nodes and 10,000 pods.
	@go run ./hack/reference
	@cd test && TRADEWIND_TESTBED=$(BIN)/tradewind-testbed TRADEWIND_CONTROLLER=$(BIN)/tradewind-controller \
		go test -timeout 30m -run '^$$' -bench 'BenchmarkController$$' -benchtime 1x ./e2e/ | awk '/^BENCH |^FAIL|^panic|^--- FAIL|_test\.go:/ {print; fflush()}'

.PHONY: etcd
etcd:
	@mkdir -p $(BIN)
	@cd test/testbed && go build -ldflags '-s -w' -o $(BIN)/etcd go.etcd.io/etcd/server/v3

.PHONY: bench-scheduler
bench-scheduler: etcd ## Compare the scheduler with the default profile at 5,000 nodes.
	@go run ./hack/reference
	@cd test && go test -timeout 60m -run '^$$' -bench . -benchtime 1ns ./performance/... | awk '/^BENCH |^FAIL|^panic|^--- FAIL/ {print; fflush()}'
