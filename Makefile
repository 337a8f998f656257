# The commands a developer types; `make` alone lists them. Everything is built by CMake (CMakePresets.json) into
# build/<preset>; this file only puts the steps of one job in order. `make run` and `make test` work in a fresh clone on
# Debian 12: scripts/bootstrap installs what is missing and is silent when nothing is.

JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 30

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help run test build optimized bench matrix asan tsan ubsan fuzz format tidy clean bootstrap

# $(call configure_and_build,PRESET)
define configure_and_build
@cmake --preset $(1) --log-level=WARNING >/dev/null
@cmake --build build/$(1) --parallel $(JOBS)
endef

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

run: build ## build, then show what Tidegate does: a guided demo against the emulator and a local model
	@exec build/release/bin/tidegate demo

test: build ## build, then run every test
	@scripts/npm-install
	@ctest --preset release --output-on-failure --parallel $(JOBS)

build: bootstrap ## build the program, its tests and the emulator (preset release)
	$(call configure_and_build,release)

optimized: build ## build the program as packages ship it: profile-guided, in build/optimized
	@scripts/build-optimized $(JOBS)

bench: optimized ## measure latency and throughput beside other gateways
	@exec bench/run

matrix: build ## every client protocol with every upstream protocol: print the table, and write it to docs/protocols.md
	@scripts/npm-install
	@TIDEGATE_MATRIX_REWRITE=1 build/release/bin/protocols_test --gtest_brief=1 --gtest_filter='Matrix.*'
	@output=$$(TIDEGATE_MATRIX_REWRITE=1 node --test tests/e2e/pairs_test.mjs 2>&1) || { echo "$$output" >&2; exit 1; }
	@sed -n '/matrix: begin/,/matrix: end/p' docs/protocols.md

asan: bootstrap ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(call configure_and_build,asan)
	@ctest --preset asan --output-on-failure --parallel $(JOBS)

ubsan: asan ## the same as asan: that preset includes it

tsan: bootstrap ## the tests under ThreadSanitizer
	$(call configure_and_build,tsan)
	@ctest --preset tsan --output-on-failure --parallel $(JOBS)

fuzz: bootstrap ## every fuzz target, FUZZ_SECONDS (30) each; scripts/fuzz can do more
	@scripts/fuzz --seconds $(FUZZ_SECONDS)

format: ## rewrite the C++ sources in the house style
	@git ls-files -z -co --exclude-standard -- '*.cc' '*.h' | xargs -0 -r clang-format -i

# With the commands of the clang preset: those of g++ use precompiled headers that clang cannot read.
tidy: build ## the style and layering checks, with clang-format and clang-tidy
	@cmake --preset clang --log-level=WARNING >/dev/null
	@tools/layers
	@tools/tidy --clang
	@git ls-files -z -co --exclude-standard -- 'src/*.cc' | xargs -0 -r -n 4 -P $(JOBS) clang-tidy -p build/clang --quiet

clean: ## remove everything that was built
	@rm -rf build

bootstrap:
	@scripts/bootstrap
