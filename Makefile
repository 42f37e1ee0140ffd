# The targets a person needs; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint build release acceptance bench fuzz simulate install clean deb

SWIFT ?= swift
PREFIX ?= /usr/local
BIN = $(shell $(SWIFT) build -c release --show-bin-path)
# What the black-box checks are run on.
DEBUG = BGDEPLOY_BIN="$$($(SWIFT) build --show-bin-path)/bgdeploy"
RELEASE = BGDEPLOY_BIN="$(BIN)/bgdeploy"

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building, testing and the demo need (Debian)
	@scripts/setup

demo: ## A real deployment behind a real nginx under load, and a bad release rolled back by itself
	@scripts/setup build run
	$(SWIFT) build --product bgdeploy
	$(SWIFT) build --product bgdeploy-demo-app
	@"$$($(SWIFT) build --show-bin-path)/bgdeploy" demo

test: setup lint ## Lint, one debug build, all tests, the fast acceptance checks
	$(SWIFT) build --build-tests
	@scripts/test $(SWIFT)
	$(DEBUG) python3 Tests/Acceptance/main_job.py
	$(DEBUG) python3 Tests/Acceptance/service.py \
		api_end_to_end server_command_line two_orchestrators_on_postgresql
	$(DEBUG) python3 Tests/Acceptance/seeds/mina.py errors_take_it_back_at_once
	$(DEBUG) python3 Tests/Acceptance/seeds_production.py a_certificate_that_ends_soon_stops_it
	$(DEBUG) python3 Tests/Acceptance/seeds_vercel_supabase.py releases_all_three
	$(DEBUG) python3 Tests/Acceptance/seeds_cardmint.py outside_of_the_windows_it_waits
	@scripts/setup browser || echo "there is no browser to be had: the dashboard is not looked at"
	[ ! -x .build/browser/bin/python ] || $(DEBUG) .build/browser/bin/python Tests/Acceptance/dashboard.py a_release_from_the_door_to_the_report works_without_javascript

lint: ## Check the format
	$(SWIFT) format lint --strict --parallel -r Sources Tests Fuzz examples Package.swift

build: ## A debug build
	@scripts/setup build
	$(SWIFT) build

release: ## The program, optimised, with the Swift runtime inside
	@scripts/setup build
	$(SWIFT) build -c release --static-swift-stdlib --product bgdeploy
	$(SWIFT) build -c release --static-swift-stdlib --product bgdeploy-demo-app

acceptance: setup release ## The black-box checks, whole, on the release build
	$(RELEASE) python3 Tests/Acceptance/main_job.py
	$(RELEASE) python3 Tests/Acceptance/commands.py
	$(RELEASE) python3 Tests/Acceptance/errors.py
	$(RELEASE) python3 Tests/Acceptance/switches.py --switches 200
	$(RELEASE) python3 Tests/Acceptance/emergency.py --trials 100
	$(RELEASE) python3 Tests/Acceptance/database.py
	$(RELEASE) python3 Tests/Acceptance/ci.py
	$(RELEASE) python3 Tests/Acceptance/incidents.py
	$(RELEASE) python3 Tests/Acceptance/runbooks.py
	$(RELEASE) python3 Tests/Acceptance/on_call.py
	$(RELEASE) python3 Tests/Acceptance/detection.py --trials 5
	$(RELEASE) python3 Tests/Acceptance/service.py
	$(RELEASE) python3 Tests/Acceptance/postgresql.py
	$(RELEASE) python3 Tests/Acceptance/seeds/mina.py
	$(RELEASE) python3 Tests/Acceptance/seeds_production.py
	$(RELEASE) python3 Tests/Acceptance/seeds_vercel_supabase.py
	$(RELEASE) python3 Tests/Acceptance/seeds_cardmint.py
	scripts/setup browser
	$(RELEASE) .build/browser/bin/python Tests/Acceptance/dashboard.py

bench: setup release ## Ratios against hand-written baselines, measured in the same run
	$(RELEASE) python3 scripts/bench.py
	$(RELEASE) python3 scripts/bench/watching.py
	$(RELEASE) python3 scripts/bench/lint.py
	$(RELEASE) python3 scripts/bench/service.py

deb: release ## A Debian package of the program, in .build
	packaging/deb "$(BIN)/bgdeploy" .build

fuzz: ## Fuzz the configuration parsers with libFuzzer (SECONDS=60 each)
	@scripts/fuzz

simulate: release ## The judge against what other tools do, on the same simulated traffic
	$(RELEASE) python3 scripts/simulate.py

install: release ## Install the program to $(PREFIX)/bin
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 "$(BIN)/bgdeploy" "$(BIN)/bgdeploy-demo-app" "$(DESTDIR)$(PREFIX)/bin"

clean: ## Remove what was built
	rm -rf .build
