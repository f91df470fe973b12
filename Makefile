# What a person types. Each target does its own set-up; the second time is quick.
SERVICE ?= testdata/services/triage
ONLY    ?=
OUT     ?=
MINUTES ?= 10
JOBS    ?= 1
MUTANTS ?= 1000000
SEED    ?=
WRITE   ?=
FAULT   ?= kill
ROUNDS  ?= 20
SEEDS   ?= 10000
CHECKS  ?= 10000
TAGS    ?=
# The secret that signs the example's webhooks, unless the environment has one.
export GITHUB_WEBHOOK_SECRET ?= a-secret-for-trying-it-out

.PHONY: help setup build run test bench hostile hostile-verdicts hostile-oracle python-suite python-packages crash simulate properties fuzz lint fmt clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

setup: ## get what building needs and this machine lacks
	@.ci/setup

build: ## make bin/grow
	@.ci/build

run: setup build ## start the example service and print curl lines that it answers
ifeq ($(origin GITHUB_WEBHOOK_SECRET),file)
	@echo "webhooks are signed with a secret for trying out; in the terminal you send them from, first:"
	@echo
	@echo "  export GITHUB_WEBHOOK_SECRET=$(GITHUB_WEBHOOK_SECRET)"
	@echo
endif
	@echo "what it accepts is kept in $(SERVICE)/.grow/journal; to start afresh, remove that"
	@bin/grow run $(SERVICE)

test: ## run every check and test
	@.ci/setup test
	@.ci/test

bench: setup ## measure: ONLY=hop,http picks by prefix, OUT=file.json writes JSON
	@go run ./cmd/grow/bench -only "$(ONLY)" -out "$(OUT)"

hostile: setup ## run modules that mean harm: MINUTES=10, SEED=n, ONLY=text of a name, OUT=file.json
	@go run ./testdata/hostile/cmd -minutes $(MINUTES) -only "$(ONLY)" -out "$(OUT)" $(if $(SEED),-seed $(SEED))

hostile-verdicts: setup ## accept or refuse modules of 32 MiB within 2 s and 512 MiB: ONLY=text of a name, OUT=file.json
	@go run ./testdata/hostile/cmd -verdicts -only "$(ONLY)" -out "$(OUT)"

hostile-oracle: ## hold the decoder against V8 and wabt: MUTANTS=1000000, SEED=n
	@.ci/setup test
	@go run ./testdata/hostile/cmd -oracle $(MUTANTS) $(if $(SEED),-seed $(SEED))

python-suite: setup ## run CPython's own tests in actors: ONLY=test_json picks by prefix, WRITE=yes writes docs/python-suite.md
	@go run ./testdata/python/suite -only "$(ONLY)" -out "$(OUT)" $(if $(WRITE),-write)

crash: setup ## do harm to a running service and check all of it: FAULT=kill ROUNDS=20, SERVICE=triage or effects, SEED=n; docs/crash.md lists the faults
	@go run ./testdata/crash/cmd -fault $(FAULT) -rounds $(ROUNDS) $(if $(filter-out file,$(origin SERVICE)),-service $(SERVICE)) $(if $(SEED),-seed $(SEED)) $(if $(MESSAGES),-messages $(MESSAGES))

simulate: setup ## run the shard in worlds that follow from a number: SEEDS=10000, SEED=n runs one of them again; docs/simulation.md says what is checked
	@go test -c -tags "$(TAGS)" -o bin/simulate.test ./runtime/shard/simulation
	@bin/simulate.test -test.run '^TestSeeds$$' -test.timeout 0 $(if $(SEED),-seed $(SEED) $(if $(filter command environment,$(origin SEEDS)),-seeds $(SEEDS)),-seeds $(SEEDS))

properties: setup ## check each property of what is drawn at random on draws of its own: CHECKS=10000 of each
	@.ci/properties $(CHECKS)

python-packages: setup ## try packages that Python programmers use in actors: ONLY=attrs picks by prefix, WRITE=yes writes docs/python-packages.md
	@go run ./testdata/python/packages -only "$(ONLY)" $(if $(WRITE),-write)

fuzz: setup ## run every fuzz target for MINUTES=10, those that have on these sources not again: ONLY=A,B picks by name, JOBS=1, OUT=fuzz-summary.jsonl
	@go run ./testdata/fuzzing -minutes $(MINUTES) -only "$(ONLY)" -jobs $(JOBS) $(if $(OUT),-summary "$(OUT)")

lint: ## the checks of style alone
	@.ci/lint

fmt: ## format Go and Rust
	@gofmt -w $$(git ls-files '*.go')
	@for crate in sdk/rust testdata/hostile/smith; do cargo fmt --manifest-path $$crate/Cargo.toml; done

clean: ## remove what was built in this folder
	@rm -rf bin
	@find compiler/python/interpreter/dist cmd/grow/notice/dist host/console/dist -type f ! -name README -delete
	@rm -rf host/console/web/node_modules host/console/web/openapi.json host/console/web/src/lib/schema.d.ts
	@find testdata -name .grow -type d -prune -exec rm -rf {} +
