SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DEFAULT_GOAL := help

# npm runs on the machine's Node.js; everything else on the one that package.json brings.
NPM := PATH='$(PATH)' npm
export PATH := $(CURDIR)/node_modules/.bin:$(CURDIR)/.cache/bin:$(PATH)

PORT ?= 8080
CONFIG ?=
IMAGE ?= llm-gateway:latest
TESTS ?=
ARGS ?=

SERVE := serve $(if $(CONFIG),--config $(CONFIG))

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2 }'

node_modules/.package-lock.json: package-lock.json
	$(NPM) ci --loglevel=error
	touch $@

.PHONY: deps
deps: node_modules/.package-lock.json ## Install the npm packages

.PHONY: generate
generate: deps ## Regenerate gen/ from proto/, and the pages that come from the code
	buf generate
	for page in docs/configuration.md: docs/providers.md:--providers .env.example:--env; do \
	  node src/main.ts config-reference $${page#*:} > .cache-page && mv .cache-page $${page%%:*}; done

.PHONY: build
build: deps ## Bundle to dist/
	rolldown -c

.PHONY: run
run: build ## Serve on 127.0.0.1:8080; CONFIG=file.yaml for a configuration of your own
	node dist/src/main.js $(SERVE)

.PHONY: dev
dev: deps ## Serve from the sources, restarting on every change
	node --watch src/main.ts $(SERVE)

.PHONY: demo
demo: build ## Serve a real llama.cpp server with a tiny random-weight model behind the gateway
	scripts/parts.sh python
	PORT=$(PORT) scripts/demo.sh

.PHONY: parts
parts: ## Install what the tests need beyond npm's packages, as far as this machine allows
	scripts/parts.sh

.PHONY: test
test: deps parts ## Run the tests; TESTS='src/chat' for some of them
	vitest run $(TESTS)

.PHONY: soak
soak: deps parts ## Run the long tests: failover with the timings of life, chaos, leaks (about ten minutes)
	vitest run --config vitest.soak.config.ts

.PHONY: lint
lint: lint-proto lint-code lint-types lint-unused ## Check protos, code, types and unused parts

.PHONY: lint-proto
lint-proto: deps
	buf lint
	buf format --diff --exit-code proto

.PHONY: lint-code
lint-code: deps
	biome check --error-on-warnings

.PHONY: lint-types
lint-types: deps
	tsc -p tsconfig.json

.PHONY: lint-unused
lint-unused: deps
	knip

.PHONY: check-generated
check-generated: deps
	rm -rf .cache/generated
	buf generate --output .cache/generated
	diff -r gen .cache/generated/gen

.PHONY: check
check: check-generated lint build test ## All that CI runs

.PHONY: fmt
fmt: deps ## Format protos and code, and apply safe fixes
	buf format --write proto
	biome check --write

.PHONY: bench
bench: build ## Measure the gateway beside its references (needs wrk, h2load, nginx, Go); ARGS='--help' says what can be measured
	node bench/run.ts $(ARGS)

REF ?= HEAD
.PHONY: bench-compare
bench-compare: build ## Measure this tree beside another commit: REF=main
	scripts/bench-compare.sh $(REF) $(ARGS)

.PHONY: docker-build
docker-build: ## Build the image llm-gateway:latest
	docker build --tag $(IMAGE) .

.PHONY: docker-run
docker-run: ## Run the image with Redis beside it
	docker compose up

.PHONY: clean
clean: ## Remove what was built and cached
	rm -rf dist coverage .cache
