# The kit. `make` lists what there is. Needs bash and Go; the tests say by
# themselves what else they need.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# make test PKG=./tenants/... ARGS='-run TestResolve -v'
PKG ?= ./...
ARGS ?=
FUZZTIME ?= 20s

tool := go tool -modfile=tools/go.mod
with_postgres := go run -buildvcs=false ./internal/testkit/cmd/with-postgres

.PHONY: help run test test-clients test-axe lint fmt generate verify fuzz bench storybook new-factor screenshots

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run the demo: SQLite, a sample app, a mailbox page
	@go run ./cmd/twofold demo

test: ## Run all tests with the race detector (PKG=./... ARGS='-run X')
	@scripts/test-deps
	@scripts/test $(ARGS) $(PKG)

test-clients: ## Run certified client libraries against the server (needs Node)
	@scripts/test-clients

test-axe: ## Run axe-core on every story and every page (needs Node)
	@cd test/clients && npm ci --ignore-scripts --no-audit --no-fund </dev/null
	@scripts/test-axe

lint: ## Run the linters: staticcheck, gofumpt, golangci-lint
	@scripts/lint

fmt: ## Format all Go code
	@$(tool) gofumpt -w $$(scripts/go-files)

generate: ## Make all generated files again
	@go generate ./...

verify: ## Check format, vet, modules, static analysis, generated files
	@scripts/verify

fuzz: ## Run each fuzz test for FUZZTIME (20s)
	@FUZZTIME=$(FUZZTIME) scripts/fuzz $(PKG)

bench: ## Run the benchmarks
	@$(with_postgres) go test -run '^$$' -bench . -benchmem $(ARGS) $(PKG)

storybook: ## Show every page in every state
	@go run ./ui/storybook/cmd -listen localhost:8090

new-factor: ## Make a new second factor: make new-factor NAME=carrier
	@go run -buildvcs=false ./scripts/new-factor $(NAME)

screenshots: ## Take pictures of the pages into ./screenshots
	@TWOFOLD_SCREENSHOTS=$(CURDIR)/screenshots $(with_postgres) go test -count=1 -run 'Screenshot|Storybook|EveryPage' $(ARGS) $(PKG)
	@echo "pictures are in $(CURDIR)/screenshots"
