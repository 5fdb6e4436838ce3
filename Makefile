# A machine needs Go, git, make, gcc and a Go module proxy. All other tools are built from Go modules into .local/bin.

# One setting for all builds, so that they share Go's build cache. Only the race detector needs cgo.
export CGO_ENABLED := 0

BIN := $(or $(CERTYUN_LOCAL_BIN),$(CURDIR)/.local/bin)
GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT := $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION)
TOOLS := go -C deploy/local run ./cmd/tools

# What holds a generated or golden file to its source is called TestGenerated_…, writes it anew with -update, and is found by its name.
GENERATED := '^TestGenerated_'
packages = $(shell cd $(1) && grep -rl --include='*_test.go' --exclude-dir=.local $(if $(filter .,$(1)),--exclude-dir=deploy) '^func TestGenerated_' . | xargs -n1 dirname | sort -u)
ASSETS := KUBEBUILDER_ASSETS=$${KUBEBUILDER_ASSETS:-$(BIN)}

# The check for known faults: the program, Go's database as of today, and the Go that releases are built with.
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
VULNDB ?= golang.org/x/vulndb@latest
TOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.mod)

VERSION ?= $(shell sed -n 's/^appVersion: *//p' charts/certyun/Chart.yaml)
REVISION ?= $(shell git rev-parse --verify --quiet HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

# The image's name with its registry, but without a tag. This one no registry serves, so that nothing is pushed to somebody else's.
IMAGE ?= localhost/certyun
PLATFORMS ?= linux/amd64,linux/arm64
# Where the image goes: a file by default, `type=registry` to push it, `type=docker` (one platform) to load it.
IMAGE_OUTPUT ?= type=oci,dest=.local/certyun-image.tar

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: tools ## Issue certificates through both providers in a cluster on this machine (KEEP=1 leaves it up).
	@exec $(BIN)/certyun-local demo

.PHONY: test
test: tools ## Run all tests: unit, race, fuzz seeds, conformance, end to end.
	assets=$${KUBEBUILDER_ASSETS:-$(BIN)}; \
	CGO_ENABLED=1 KUBEBUILDER_ASSETS=$$assets TEST_ASSET_ETCD=$$assets/etcd TEST_ASSET_KUBE_APISERVER=$$assets/kube-apiserver \
	  TEST_ASSET_KUBECTL=$$assets/kubectl go test -race -count=1 -timeout 20m ./...
	$(ASSETS) go test -count=1 -run '^TestBesideCertManagersWebhook$$' ./admission
	go -C admission/oracle test -count=1 -timeout 10m ./...
	go -C deploy/local test -count=1 -timeout 20m ./...

.PHONY: bench
bench: tools ## Run the benchmarks, which fail when a promise is broken; an idle machine is assumed.
	$(ASSETS) go test -run '^$$' -bench . -timeout 20m ./admission ./admission/evidence/cluster ./admission/lint
	go test -run '^$$' -bench . -benchtime 1x -timeout 10m ./solvers
	$(BIN)/certyun-local bench -charts docs

.PHONY: verify
verify: tools $(GOLANGCI_LINT) ## Check formatting, lint, generated and golden files, the chart, imports and modules.
	$(GOLANGCI_LINT) fmt --diff
	$(GOLANGCI_LINT) run
	cd admission/oracle && $(GOLANGCI_LINT) fmt --diff && $(GOLANGCI_LINT) run
	cd deploy/local && $(GOLANGCI_LINT) fmt --diff && $(GOLANGCI_LINT) run
	go test -count=1 -run '^TestImports$$' ./solvers
	go test -count=1 ./charts
	$(ASSETS) go test -count=1 -run $(GENERATED) $(call packages,.)
	go -C deploy/local test -count=1 -run $(GENERATED) $(call packages,deploy/local)
	$(BIN)/certyun-local dryrun
	go mod tidy -diff
	go -C admission/oracle mod tidy -diff
	go -C deploy/local mod tidy -diff
	go -C deploy/local/tools mod tidy -diff

.PHONY: generate
generate: tools ## Write the generated and golden files anew.
	$(ASSETS) go test -count=1 -run $(GENERATED) $(call packages,.) -update
	go -C deploy/local test -count=1 -run $(GENERATED) $(call packages,deploy/local) -update

.PHONY: vuln
vuln: export GOTOOLCHAIN := $(TOOLCHAIN)
vuln: ## Look for known faults in what is built, the local cluster's programs as well (VULNDB names the database's module).
	@mkdir -p .local/vuln
	source=$$(go mod download -json $(VULNDB) | sed -n 's/^\t"Dir": "\(.*\)",$$/\1/p') && [ -n "$$source" ] && \
	  go -C "$$source" build -o $(CURDIR)/.local/vuln/indexdb ./cmd/indexdb && \
	  .local/vuln/indexdb -vulns "$$source/data/osv" -out .local/vuln/db
	GOBIN=$(CURDIR)/.local/vuln GOFLAGS= go install $(GOVULNCHECK)
	for module in . admission/oracle deploy/local; do \
	  .local/vuln/govulncheck -db file://$(CURDIR)/.local/vuln/db -scan package -C $$module ./... || exit; \
	done
	@# What the local cluster is made of runs on no other machine, and Kubernetes has faults without a mend: they are shown, and no failure.
	-.local/vuln/govulncheck -db file://$(CURDIR)/.local/vuln/db -scan package -C deploy/local/tools $$(go -C deploy/local/tools list tool)

.PHONY: figures
figures: ## Print lines, functions and files that use each other, for each package, and what both DNS hosts have in common.
	@go -C deploy/local run ./cmd/figures $(CURDIR)

.PHONY: ca-data
ca-data: ## Fail where a fact about a CA is older than 90 days, and name it: a release needs none.
	@go -C deploy/local run ./cmd/cadata

.PHONY: build
build: ## Build the binary into .local/build.
	go build -ldflags "$(LDFLAGS)" -o .local/build/certyun .

.PHONY: image
image: ## Build the image for amd64 and arm64 (IMAGE_OUTPUT, PLATFORMS, VERSION; needs a Docker engine).
	@docker info >/dev/null 2>&1 || { \
	  echo "make image needs a Docker engine, and none answers here. 'make build' builds the binary without one." >&2; exit 1; }
	@docker buildx inspect certyun >/dev/null 2>&1 || docker buildx create --name certyun --driver docker-container
	@mkdir -p .local
	docker buildx build --builder certyun --platform $(PLATFORMS) --tag $(IMAGE):$(VERSION) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --output $(IMAGE_OUTPUT) .

.PHONY: tools
tools: ## Build the tools that are missing in .local/bin; the first time this takes minutes.
	@$(TOOLS)

.PHONY: clean
clean: ## Remove all that was built, the tools as well.
	rm -rf .local

$(GOLANGCI_LINT):
	@echo "building golangci-lint $(GOLANGCI_LINT_VERSION), this takes some minutes" >&2
	@mkdir -p $(BIN)/lint
	GOBIN=$(BIN)/lint GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv $(BIN)/lint/golangci-lint $@
	@rmdir $(BIN)/lint
