# make help lists the targets

BUILD = $(CURDIR)/build
NGINX_SRC =
CC = cc
FUZZ_SECONDS = 600

# the server that tests and demo run, and where nginx's sources are

ifeq ($(NGINX_SRC),)
FLAVOUR = $(BUILD)/nginx-dev
NGINX_BIN = $(or $(shell PATH="$$PATH:/usr/sbin" command -v nginx),/usr/sbin/nginx)
NGX_INC = /usr/share/nginx/src/src
SRC_ARG =
else
FLAVOUR = $(BUILD)/nginx-src
NGINX_BIN = $(FLAVOUR)/objs/nginx
NGX_INC = $(NGINX_SRC)/src
SRC_ARG = src="$(NGINX_SRC)"
endif

MODULE = $(BUILD)/ngx_http_llm_module.so
MODULES_DIR = $(shell $(NGINX_BIN) -V 2>&1 \
                | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')
DESTDIR =

# nginx's configure alone

HEADERS = t/util/build-nginx "$(FLAVOUR)" $(SRC_ARG) cc="$(CC)" make=no

ASAN_OPT = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
           -fno-sanitize=nonnull-attribute -fno-sanitize-recover=undefined \
           -DNGX_DEBUG_PALLOC=1 -DNGX_HAVE_NONALIGNED=0

export BUILD NGINX_BIN MODULE NGINX_SRC

.DEFAULT_GOAL = module
.PHONY: module install demo test check style clang unit fuzz suites test-cross \
        test-sdk test-asan test-valgrind test-matrix clean help


module:
	@t/util/build-nginx "$(FLAVOUR)" $(SRC_ARG) cc="$(CC)"
	@t/util/put "$(FLAVOUR)/objs/ngx_http_llm_module.so" "$(MODULE)"

install: module
	@test -n "$(MODULES_DIR)" || { \
	    echo "$(NGINX_BIN) does not say where its modules are:" \
	         "make install MODULES_DIR=..." >&2; exit 1; }
	install -d "$(DESTDIR)$(MODULES_DIR)"
	t/util/put "$(MODULE)" "$(DESTDIR)$(MODULES_DIR)/ngx_http_llm_module.so"

demo:
	@t/util/setup demo "$(BUILD)"
	@echo "building the module below $(BUILD) ..."
	@$(MAKE) --no-print-directory module
	@t/util/demo

test:
	@t/util/test

check:
	@t/util/sources
	@t/util/style
	@t/util/eventstream --check
	@$(HEADERS)
	@$(MAKE) --no-print-directory -s -f t/unit/unit.mk presets \
	    NGX_INC="$(NGX_INC)" NGX_OBJS="$(FLAVOUR)/objs"
	@t/util/providers-doc "$(BUILD)/unit/presets"
	@t/util/lint "$(BUILD)"

clang:
	@t/util/build-nginx "$(FLAVOUR)-clang" $(SRC_ARG) cc=clang \
	    make=module

unit:
	@$(HEADERS)
	@$(MAKE) --no-print-directory -s -j2 -f t/unit/unit.mk unit \
	    NGX_INC="$(NGX_INC)" NGX_OBJS="$(FLAVOUR)/objs"
	@t/util/unit "$(BUILD)"

fuzz:
	@$(HEADERS)
	@$(MAKE) --no-print-directory -s -j2 -f t/unit/unit.mk fuzz \
	    NGX_INC="$(NGX_INC)" NGX_OBJS="$(FLAVOUR)/objs"
	@t/util/fuzz "$(BUILD)" $(FUZZ_SECONDS) $(FUZZ)

suites: module
	@t/util/suites "$(BUILD)" "$(NGINX_BIN)" "$(MODULE)" $(T)

ifneq ($(wildcard t/sdk/run),)
test-sdk: module
	@t/sdk/run
endif

# every client dialect against every provider dialect

test-cross: module
	@t/cross/run

# nginx itself with both sanitizers; its source is Debian's unless one is named

test-asan:
	@t/util/setup test "$(BUILD)"
	@t/util/flavour asan cc=gcc opt="$(ASAN_OPT)" \
	    ld="-fsanitize=address,undefined" -- $(T)

test-valgrind: module
	@t/util/setup valgrind "$(BUILD)"
	@t/util/setup test "$(BUILD)"
	@$(MAKE) --no-print-directory -s -j2 -f t/unit/unit.mk unit \
	    OUT="$(BUILD)/valgrind/unit" UNIT_SAN= \
	    NGX_INC="$(NGX_INC)" NGX_OBJS="$(FLAVOUR)/objs"
	@PREFIX="valgrind -q --error-exitcode=99 --leak-check=full" \
	    t/util/unit "$(BUILD)/valgrind"
	@t/util/valgrind "$(BUILD)" "$(NGINX_BIN)" "$(MODULE)" $(T)

test-matrix:
	@t/util/setup test "$(BUILD)"
	@t/util/matrix $(T)

# what kills gateways, for longer than in "make test"

.PHONY: crash soak
crash: module
	@t/crash/run --rounds $(or $(ROUNDS),3)

soak: module
	@$(MAKE) --no-print-directory -s -j2 -f t/unit/unit.mk unit \
	    NGX_INC="$(NGX_INC)" NGX_OBJS="$(FLAVOUR)/objs"
	@RACE_SECONDS=$(or $(RACE_SECONDS),300) USERS=1000000 LIMIT=1800 \
	    t/util/unit "$(BUILD)" ledger
	@t/crash/run --rounds $(or $(ROUNDS),100)

ifneq ($(wildcard t/util/test-real),)
.PHONY: test-real
test-real: module
	@t/util/test-real
endif

ifneq ($(wildcard t/bench/run),)
.PHONY: bench bench-peers
bench:
	@t/util/setup bench "$(BUILD)"
	@$(MAKE) --no-print-directory module
	@$(MAKE) --no-print-directory -s -f t/unit/unit.mk bench \
	    NGX_INC="$(NGX_INC)" NGX_OBJS="$(FLAVOUR)/objs"
	@t/bench/run

bench-peers:
	@t/util/setup bench "$(BUILD)"
	@$(MAKE) --no-print-directory module
	@ONLY=peers t/bench/run
endif

clean:
	rm -rf "$(BUILD)"

help:
	@t/util/help
