# Three commands do all the set-up on a fresh Debian or Ubuntu machine with rustup and make:
#
#   make devnet   builds, then lets four nodes trade a day of the Swiss week at a slot a second
#   make bench    builds, then measures everything on this machine, beside what the machine allows
#   make test     formatting, lints, house rules, unit, property and cluster tests
#
# One profile everywhere, so that RocksDB is built once. CARGO_TARGET_DIR is respected.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
CARGO := cargo
BUILD := --release --locked

# What `make devnet` runs; for a whole week: make devnet SLOTS=672 SPEED=max
NODES ?= 4
SLOTS ?= 96
SPEED ?= 1
REPORT ?= $(TARGET)/devnet-report.json

# Where `make bench` puts its report and plots; seconds of each window that it measures.
BENCH ?= $(TARGET)/bench
SECONDS_MEASURED ?= 10

# Property tests draw their cases from this seed, so that a run can be repeated; any other: make test PROPTEST_RNG_SEED=7
export PROPTEST_RNG_SEED ?= 20261122

# bindgen needs libclang, RocksDB a C++ compiler; the README's session, which a test runs, uses curl.
PACKAGES := clang libclang-dev g++ pkg-config curl

.PHONY: help packages build devnet bench test fmt lint deny unit doc

help:
	@sed -n 's/^#   \(make .*\)/\1/p' Makefile

packages:
	@command -v cargo > /dev/null || { echo "cargo is missing; install Rust from https://rustup.rs, then try again" >&2; exit 1; }
	@missing=(); \
	for package in $(PACKAGES); do \
		dpkg-query --show --showformat='$${db:Status-Status}' "$$package" 2> /dev/null | grep -qx installed || missing+=("$$package"); \
	done; \
	if [ "$${#missing[@]}" -gt 0 ]; then \
		command -v apt-get > /dev/null || { echo "install these first: $${missing[*]}" >&2; exit 1; }; \
		echo "installing $${missing[*]}"; \
		sudo=(); [ "$$(id -u)" -eq 0 ] || sudo=(sudo); \
		"$${sudo[@]}" apt-get update --quiet; \
		"$${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$${missing[@]}"; \
	fi

build: packages
	$(CARGO) build $(BUILD) --workspace --bin leg

devnet: build
	$(TARGET)/release/leg devnet --nodes $(NODES) --slots $(SLOTS) --speed $(SPEED) --report $(REPORT)
	@echo "report: $(REPORT)"

bench: build
	$(TARGET)/release/leg bench all --output $(BENCH) --seconds $(SECONDS_MEASURED)

test: packages fmt lint unit doc deny

fmt:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy $(BUILD) --workspace --all-targets -- -D warnings

# The cluster tests build the program that they start themselves. Always the whole workspace: with the same features, nothing is built twice.
# The house rules look at the licences of all platforms' dependencies, of which a build downloads this platform's alone.
unit: packages
	$(CARGO) fetch --locked
	if $(CARGO) nextest --version > /dev/null 2>&1; then \
		$(CARGO) nextest run $(BUILD) --workspace; \
	else \
		$(CARGO) test $(BUILD) --workspace --lib --bins --tests; \
	fi

doc:
	$(CARGO) test $(BUILD) --workspace --doc

# Licences and sources are checked by the tests in any case; cargo-deny checks more where it is installed.
deny:
	if $(CARGO) deny --version > /dev/null 2>&1; then $(CARGO) deny --locked check licenses bans sources; fi
