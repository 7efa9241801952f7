# SPDX-License-Identifier: MIT
# A thin face on meson. `make demo` and `make test` install what is missing, build, and run; everything is in build*/.

BUILD ?= build
MESON_FLAGS ?=
SEEDS ?= 10
SECONDS ?= 10

.PHONY: all build setup demo test asan tsan sim torture controls models fuzz bench install format tidy clean

all: build

setup:
	@scripts/setup

build: setup
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) $(MESON_FLAGS)
	@ninja -C $(BUILD)

# The main job on real input: a log is followed through a pipeline that is edited while it runs.
demo: build
	@scripts/demo $(BUILD)/src/cli/weir

test: build
	@tests/run $(BUILD)

# The tests under AddressSanitizer and UndefinedBehaviorSanitizer; under ThreadSanitizer (clang's).
asan: setup
	@test -f build-asan/build.ninja || meson setup build-asan --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C build-asan
	@UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 tests/run build-asan --timeout-multiplier 4 --no-suite bench

tsan:
	@scripts/setup --clang
	@test -f build-tsan/build.ninja || CC=clang CXX=clang++ meson setup build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
	@ninja -C build-tsan
	@tests/run build-tsan --timeout-multiplier 6 --no-suite bench

# The simulator for longer than `make test` runs it: storms of edits on random graphs, with new seeds, for SECONDS; the other tests
# with SEEDS times as many.
sim: build
	@WEIR_SECONDS=$$(($(SECONDS) / 5 + 1)) WEIR_FROM=$$(date +%s) $(BUILD)/tests/storm_sim
	@for t in channel divert edits flows history memory oracle pipeline promises races tap trial; do WEIR_SEEDS=$(SEEDS) $(BUILD)/tests/$${t}_sim || exit 1; done

# The engine broken on purpose, one guarantee after the other: what is broken, and which test notices it with which words.
controls: build
	@tests/controls $(BUILD)/tests

# Real threads at full rate: 10^9 items and 10^5 random edits of every kind, against an exact oracle. TORTURE has other options for it.
torture: build
	@$(BUILD)/tests/torture $(TORTURE)

# The concurrent protocol, model-checked with Spin, and its negative controls; models/README.md says what is covered.
models:
	@scripts/setup --clang
	@models/run

# Each fuzz target for SECONDS; fuzz/README.md says what they try.
fuzz:
	@scripts/setup --clang
	@fuzz/run --seconds $(SECONDS)

bench: build
	@bench/run $(BUILD)

install: build
	@meson install -C $(BUILD)

format:
	@git ls-files '*.c' '*.h' '*.cc' '*.cpp' | xargs clang-format -i

tidy: build
	@git ls-files 'src/*.c' 'stages/*.c' 'connectors/*.c' | grep -v -e plat/sim -e _test.c | xargs -P 2 -n 4 clang-tidy --quiet -p $(BUILD)

clean:
	@rm -rf build build-asan build-tsan build-fuzz
