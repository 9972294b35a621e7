# make alone lists what there is. make ci runs what CI runs.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

# Tools run by version, so that go.mod holds what the function needs and no more.
GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0

# Tests that play weeks of runs, or hundreds of cases: make test-all has them.
LONG := ^Test(Long|Story)

RACE := go test -race -vet=off -ldflags='-s -w' -skip '$(LONG)'

# The packages that have the flags -one-in and -update from the kit of internal/run's tests.
KIT := grep -rl --include='*_test.go' 'internal/run/runtest"' internal | xargs dirname | sed 's,^,./,' | sort -u

FUZZTIME ?= 20s
ONE_IN ?= 1
ARGS ?=

# What was built in one clone is not built again in another.
export GOFLAGS ?= -trimpath
# Half the time of the tests would go into collecting garbage, and a second at the
# end of each program into waiting for races.
export GOGC ?= 400
export GOMEMLIMIT ?= 3GiB
export GORACE ?= atexit_sleep_ms=20

.PHONY: ci
ci: tidy vet test test-race lint archive test-browser test-deploy e2e test-all fuzz ## what CI runs: tidy, vet, test, test-race, lint, archive, test-browser, test-deploy, e2e, test-all, fuzz

.PHONY: help
help: ## this list
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/  \1\t\2/p' Makefile | expand -t 16

.PHONY: run
run: ## a demo project and one run on it, on this machine (ARGS=--json)
	@go run ./local run $(ARGS)

.PHONY: serve
serve: ## the function on 127.0.0.1:8080, against the emulator
	@go run ./local serve $(ARGS)

.PHONY: api
api: ## the emulated Scaleway API alone
	@go run ./local api $(ARGS)

# Tests of one program would spend a fifth of two cores' time on each other's memory:
# each program has one core, and finds the same races, some of them more seldom
# (make test-race). Some wait for sockets and processes: three at a time keep two cores
# busy. make vet is what its name says.
.PHONY: test
test: ## the tests that need Go only, a sample of the long ones
	$(RACE) -cpu 1 -p 3 -shuffle=on -timeout 30m $$(go list ./... | grep -v '/stories$$')

.PHONY: test-race
test-race: ## the race detector again, with all cores, where goroutines meet
	$(RACE) -count=1 ./handler ./internal/probe ./internal/scaleway/transport ./internal/run/faults ./internal/run/endpoints ./local/emulator

.PHONY: test-all
test-all: ## what make test leaves out or takes a sample of: faults, lies, runs at once, histories, stories (ONE_IN=4: a quarter)
	@go test -count=1 -run TestLongMemoryOfARun . -largest -v
	@go test -count=1 -run '$(LONG)' $$(grep -rlE --include='*_test.go' '^func Test(Long|Story)' . | xargs dirname | sort -u | grep -vE '^\./(internal/run/.*|handler)$$')
	@go test -count=1 -timeout 30m -run 'FaultMatrix|SameTime|Histories|Lies|ClockThatIsWrong|ByChance|FarSide|RealSize|ComparedOnce|AskedFourTimes|APanicAnywhere|$(LONG)' -v $$($(KIT)) ./handler -one-in $(ONE_IN) \
		| grep -vE '^ *(=== |--- PASS: .*/)'

.PHONY: test-browser
test-browser: ## the report's pages in Chromium, which must be installed; screenshots in local/browser/screenshots
	go test -count=1 -tags browser ./local/browser

.PHONY: test-deploy
test-deploy: node_modules ## the tests that run the real osls, against a stub of the API
	go test -race -count=1 -tags deploy ./local/deploy

.PHONY: e2e
e2e: node_modules ## the whole way: emulator, setup, real osls deploy, doctor, curl, cron, redeploy, undeploy
	go test -v -count=1 -tags e2e ./local/e2e

.PHONY: check
check: fmt tidy vet test lint archive vuln ## format, then all checks, known vulnerabilities included

.PHONY: lint
lint: ## golangci-lint, formatting included
	$(GOLANGCI) run

.PHONY: fmt
fmt: ## format all Go files
	$(GOLANGCI) fmt

.PHONY: tidy
tidy: ## go.mod and go.sum are as go mod tidy leaves them; changes nothing
	go mod tidy -diff

.PHONY: vet
vet: ## go vet, with and without the tests that need Node or Chromium
	go vet ./...
	go vet -tags deploy ./local/deploy
	go vet -tags e2e ./local/e2e
	go vet -tags browser ./local/browser

.PHONY: vuln
vuln: ## known vulnerabilities in what is called; needs the Go vulnerability database
	@said=$$($(GOVULNCHECK) ./... 2>&1) && echo "$$said" || { echo "$$said" >&2; \
		! grep -q 'fetching vulnerabilities' <<<"$$said" \
			|| echo "vuln: the vulnerability database cannot be reached: nothing is known about vulnerabilities" >&2; exit 1; }

# The end of the time itself may come out as a failure without an input: go.dev/issue/75804.
.PHONY: fuzz
fuzz: ## every fuzz test for a while (FUZZTIME=20s)
	@said=$$(mktemp); trap 'rm -f $$said' EXIT; \
	for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r dirname | sort -u); do \
		for name in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$name"; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$package 2>&1 | tee $$said \
				|| { grep -q '^ *context deadline exceeded$$' $$said && ! grep -q 'Failing input' $$said; } \
				|| exit 1; \
		done; \
	done

.PHONY: bench
bench: ## all benchmarks
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: golden
golden: ## rewrite the golden files in testdata
	@packages=$$(grep -rlE --include='*_test.go' 'flag\.Bool\("update"|runtest\.Golden\(' . | xargs -r dirname | sort -u); \
		[ -z "$$packages" ] || go test $$packages -count=1 -update

.PHONY: archive
archive: ## pack the function's archive, check it and build it as the platform would
	@go run ./local archive

.PHONY: setup
setup: ## make what the first deployment needs, with your scw profile, after asking (ARGS='--dry-run', --scw, --remove)
	@go run ./local setup $(ARGS)

.PHONY: deploy
deploy: node_modules ## check everything, then deploy (ARGS=--new-key, --lose)
	@go run ./local deploy $(ARGS)

.PHONY: deploy-check
deploy-check: node_modules ## only what make deploy checks before it calls the API: all that is missing, and how to set it
	@go run ./local deploy --check $(ARGS)

.PHONY: undeploy
undeploy: node_modules ## delete what was deployed, after asking
	@go run ./local undeploy $(ARGS)

.PHONY: invoke
invoke: ## call the deployed function: a dry run (ARGS=--run for a real one, ARGS=--help for more)
	@go run ./local invoke $(ARGS)

# KEY and APP come last: where one is missing, no other flag is taken for it.
.PHONY: revoke
revoke: ## have the deployed function replace and delete a leaked key (KEY=SCW…; NOW=1 deletes first, whoever carries it)
	@go run ./local invoke $(if $(NOW),--now) $(ARGS) --revoke $(KEY)

.PHONY: rollback
rollback: ## have the deployed function go back to the key before (APP=name or ID)
	@go run ./local invoke $(ARGS) --rollback $(APP)

.PHONY: forecast
forecast: ## what the planned runs will do, day by day, and what breaks (ARGS='--cap 30d', --live --profile NAME); changes nothing
	@go run ./local forecast $(ARGS)

.PHONY: doctor
doctor: ## is it right, is it too much, will it go on? Looks with your scw profile, changes nothing (ARGS='--profile NAME')
	@go run ./local doctor $(ARGS)

# npm writes the inner lock file last: it is as old as the installation.
node_modules: node_modules/.package-lock.json
node_modules/.package-lock.json: package.json package-lock.json .npmrc
	npm ci
	@touch $@
