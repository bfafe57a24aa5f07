
# builds the unit tests and the fuzzers; called by the Makefile at the root
#
#   BUILD    the build folder
#   NGX_INC  nginx's "src" folder
#   NGX_OBJS where nginx's configure left its headers

ROOT := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)
OUT = $(BUILD)/unit
FUZZ_OUT = $(BUILD)/fuzz
BENCH_OUT = $(BUILD)/bench

# gcc's sanitizers name the lines by themselves

UNIT_CC = gcc
FUZZ_CC = clang

LIB_SRCS := $(wildcard $(addprefix $(ROOT)/ngx_llm_module/, \
              core/*.c dialect/*.c catalogue/*.c)) \
            $(ROOT)/t/unit/ngx_stubs.c
TEST_SRCS := $(wildcard $(ROOT)/t/unit/test_*.c)
FUZZ_SRCS := $(wildcard $(ROOT)/t/fuzz/fuzz_*.c)

TESTS = $(patsubst %.c,$(OUT)/%,$(notdir $(TEST_SRCS)))
FUZZERS = $(patsubst %.c,$(FUZZ_OUT)/%,$(notdir $(FUZZ_SRCS)))
LIB_OBJS = $(patsubst %.c,$(OUT)/%.o,$(notdir $(LIB_SRCS)))
FUZZ_LIB_OBJS = $(patsubst %.c,$(FUZZ_OUT)/%.o,$(notdir $(LIB_SRCS)))

# core and dialects get no folder with nginx's HTTP headers

CFLAGS = -W -Wall -Wpointer-arith -Wno-unused-parameter -Werror -g -O1 \
         -fno-omit-frame-pointer -DNGX_DEBUG_PALLOC=1 \
         -I $(NGX_INC)/core -I $(NGX_INC)/event -I $(NGX_INC)/event/modules \
         -I $(NGX_INC)/os/unix -I $(NGX_OBJS) \
         -I $(ROOT)/ngx_llm_module/core -I $(ROOT)/ngx_llm_module/dialect \
         -I $(ROOT)/ngx_llm_module/catalogue -I $(ROOT)/t/unit \
         -DNGX_LLM_LEDGER_STEPS=1 -MMD -MP
UNIT_SAN = -fsanitize=address,undefined -fno-sanitize-recover=undefined

# with its sanitizers gcc warns of what cannot happen; the build of the module
# has these warnings
UNIT_WARN = -Wno-maybe-uninitialized -Wno-alloc-size-larger-than \
            -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds \
            -Wno-restrict

FUZZ_SAN = $(UNIT_SAN) -fsanitize=fuzzer-no-link
LIBS = -lyajl -lcrypto

vpath %.c $(sort $(dir $(LIB_SRCS) $(TEST_SRCS) $(FUZZ_SRCS)))

# the ledger as a server has it

BENCH_SRCS := $(ROOT)/t/bench/ledger.c $(ROOT)/t/unit/ngx_stubs.c \
              $(wildcard $(addprefix $(ROOT)/ngx_llm_module/core/, \
                ngx_llm_ledger*.c ngx_llm_core.c ngx_llm_out.c))
BENCH_CFLAGS = -O2 $(filter-out -O1 -MMD -MP -DNGX_LLM_LEDGER_STEPS=1, \
                 $(CFLAGS))

.PHONY: unit fuzz presets bench
.SECONDARY:

unit: $(TESTS)

fuzz: $(FUZZERS)

presets: $(OUT)/presets

$(OUT)/%.o: %.c $(MAKEFILE_LIST)
	@mkdir -p $(OUT)
	$(UNIT_CC) $(CFLAGS) $(UNIT_WARN) $(UNIT_SAN) -c -o $@ $<

$(OUT)/test_%: $(OUT)/test_%.o $(LIB_OBJS)
	$(UNIT_CC) $(UNIT_SAN) -o $@ $^ $(LIBS)

# prints the catalogue
$(OUT)/presets: $(OUT)/presets.o $(LIB_OBJS)
	$(UNIT_CC) $(UNIT_SAN) -o $@ $^ $(LIBS)

bench: $(BENCH_OUT)/ledger

$(BENCH_OUT)/ledger: $(BENCH_SRCS) $(MAKEFILE_LIST) \
                     $(wildcard $(ROOT)/ngx_llm_module/core/*.h)
	@mkdir -p $(BENCH_OUT)
	$(UNIT_CC) $(BENCH_CFLAGS) -o $@ $(BENCH_SRCS)

$(FUZZ_OUT)/%.o: %.c $(MAKEFILE_LIST)
	@mkdir -p $(FUZZ_OUT)
	$(FUZZ_CC) $(CFLAGS) $(FUZZ_SAN) -c -o $@ $<

$(FUZZ_OUT)/fuzz_%: $(FUZZ_OUT)/fuzz_%.o $(FUZZ_LIB_OBJS)
	$(FUZZ_CC) $(UNIT_SAN) -fsanitize=fuzzer -o $@ $^ $(LIBS)

-include $(wildcard $(OUT)/*.d $(FUZZ_OUT)/*.d)
