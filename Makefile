# connleak - find PostgreSQL connections a program never gives back
#   build/libconnleak.so   preload/  + record/writer   rides along in the program
#   build/connleak         analyzer/ + record/reader   reads what it left behind
# `make help` lists the targets, `make V=1` shows the commands.

VERSION := 0.1.0
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
BUILD   := build

# `make check-unit SANITIZE=address,undefined` uses its own folder.
ifdef SANITIZE
BUILD  := build/$(SANITIZE)
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE)
endif

# A new .c file in one of these folders needs no line here; one of record/ is
# the analyzer's, unless it is named as the shim's.
SHIM_RECORD  := record/writer.c record/escape.c record/signals.c \
                record/rules.c record/rule_names.c
PRELOAD_SRC  := $(wildcard preload/*.c preload/scan/*.c) $(SHIM_RECORD)
PRELOAD_ASM  := $(wildcard preload/*_x86_64.S)
ANALYZER_SRC := $(wildcard analyzer/*.c) \
                $(filter-out record/writer.c,$(wildcard record/*.c))
TEST_SRC     := $(wildcard tests/*.c)
SAMPLE_SRC   := $(wildcard samples/*.c)
PROGRAM_SRC  := $(wildcard tests/programs/*.c)
HEADERS      := $(wildcard preload/*.h preload/scan/*.h record/*.h analyzer/*.h tests/*.h \
                  tests/audit/*.h tests/held/*.h)
SCRIPTS      := setup.sh .ci/run $(wildcard tests/*.sh tests/*/*.sh)

SHIM     := $(BUILD)/libconnleak.so
ANALYZER := $(BUILD)/connleak
TESTS    := $(BUILD)/unit-tests
SAMPLES  := $(SAMPLE_SRC:%.c=$(BUILD)/%)
PROGRAMS := $(PROGRAM_SRC:%.c=$(BUILD)/%)
AUDIT    := $(BUILD)/tests/audit/audit
SLOTS    := $(BUILD)/tests/slots/slots
TELLER   := $(addprefix $(BUILD)/tests/,teller.so rules_said)
HELD     := $(addprefix $(BUILD)/tests/held/,answers c cc harm)

# CFLAGS, LDFLAGS and WERROR are yours; the rest is what the code needs.
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
            -Wmissing-prototypes -Wvla -Werror=implicit-function-declaration \
            $(if $(WERROR),-Werror)
# Where UBSan looks for a null format, gcc takes it for one.
WARNINGS += $(if $(SANITIZE),-Wno-format-truncation -Wno-format-overflow)
BASE     := -std=c11 -D_GNU_SOURCE -I. -MMD -MP \
            -DCONNLEAK_VERSION='"$(VERSION)"' $(WARNINGS)
LIBPQ    := $(shell pkg-config --cflags libpq 2>/dev/null)
ANALYZER_LD := -ldw -lelf -ljansson -lstdc++ -lm -lpthread
CHECK_LD := $(shell pkg-config --libs check 2>/dev/null)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.PHONY: all tests demo check install uninstall clean help setup setup-clients
.PHONY: check-unit check-e2e check-headers check-layers check-exports
.PHONY: check-scripts check-docs soak bench incidents incidents-soak
.DELETE_ON_ERROR:

all: $(SHIM) $(ANALYZER) $(SAMPLES) ## build everything (the default)

tests: $(TESTS) $(PROGRAMS) $(AUDIT) $(SLOTS) $(HELD) $(TELLER) ## build the tests, run none

# demo, incidents and check begin on a machine that has git and make only.  pkg-config was
# asked when make read this file, so what needs its answer is a make of its own.
demo: setup ## build, start a throw-away PostgreSQL, watch a program leak
	$(Q)+$(MAKE) --no-print-directory all
	$(Q)BUILD=$(BUILD) tests/demo.sh

incidents: setup ## outages of pools, a screen each; INCIDENT=name for one
	$(Q)+$(MAKE) --no-print-directory all
	$(Q)BUILD=$(BUILD) tests/server.sh run tests/incidents.sh show $(INCIDENT)

check: setup ## pass every test
	$(Q)+$(MAKE) --no-print-directory check-unit check-headers check-layers \
	  check-exports check-docs
	$(Q)+$(MAKE) --no-print-directory check-e2e

setup: ## install the packages that build and tests need, if it may
	$(Q)./setup.sh base

setup-clients: ## install other clients of PostgreSQL, for their tests
	$(Q)./setup.sh clients
	$(Q)tests/clients/make_node_libpq.sh $(BUILD)/node

# The shim lives in somebody else's process: nothing of it is visible but the
# functions it stands in front of, it links nothing they might not have, and
# its calls into libpq are real calls (a tail call would make libpq's own calls
# look like the program's; preload/caller.h).  It is never unloaded: exit() and
# fork() know functions of it.
$(BUILD)/preload/%.o $(SHIM_RECORD:%.c=$(BUILD)/%.o): SHARED := -fPIC \
    -fvisibility=hidden -ftls-model=initial-exec -fno-optimize-sibling-calls \
    -fno-delete-null-pointer-checks

# What runs around a hooked function, while its caller's vector registers are in
# use.
ONLY_GENERAL := around_fast readable stubs_table_x86_64
$(ONLY_GENERAL:%=$(BUILD)/preload/%.o): SHARED += -mgeneral-regs-only

$(SHIM): $(PRELOAD_SRC:%.c=$(BUILD)/%.o) $(PRELOAD_ASM:%.S=$(BUILD)/%.o)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-z,defs -Wl,-z,nodelete -Wl,-z,noexecstack -Wl,-z,now \
	  -Wl,-soname,libconnleak.so $(LDFLAGS) -o $@ $^

$(ANALYZER): $(ANALYZER_SRC:%.c=$(BUILD)/%.o)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(ANALYZER_LD)

# Unit tests reach into both programs, so they take all objects but main() and
# the exported hooks, which would stand in front of the tests' own libpq.
TEST_OBJ := $(sort $(filter-out %/analyzer/main.o %/preload/hooks.o \
                                %/preload/lifecycle.o %/preload/loader.o \
                                %/preload/slots.o %/preload/byname.o \
                                %/preload/hooked.o %/preload/matches.o \
                                %/preload/static_libpq.o \
                                %/preload/execs.o %/preload/connects.o \
                                %/preload/ending.o %/preload/jails.o \
                                %/preload/dispositions.o %/preload/moments.o \
                                %/preload/annotations.o, \
              $(patsubst %.c,$(BUILD)/%.o,$(PRELOAD_SRC) $(ANALYZER_SRC) $(TEST_SRC))) \
              $(BUILD)/preload/stubs_x86_64.o $(BUILD)/preload/vectors_x86_64.o)
$(TESTS): $(TEST_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -rdynamic -o $@ $^ $(CHECK_LD) $(ANALYZER_LD)

# Samples know libpq only; they are the programs our users have.
$(BUILD)/samples/%: samples/%.c
	$(call say,SAMPLE,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -g -O0 $(WARNINGS) $(LIBPQ) -o $@ $< -lpq -lpthread

# What is compiled and linked at once knows its headers too.
NOTED = -MMD -MP -MT $@ -MF $@.d

# Programs that only tests run, each with a trap in it.
$(BUILD)/tests/programs/%: tests/programs/%.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -I. -g -O1 $(WARNINGS) $(NOTED) $(LIBPQ) -o $@ $< -lpq -lpthread

# These read records as the analyzer does.
$(SLOTS): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/slots/*.c) \
            $(filter-out record/writer.c,$(wildcard record/*.c)))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

$(AUDIT): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/audit/*.c) \
            $(filter-out record/writer.c,$(wildcard record/*.c)))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

# Places to keep a connection in, of C and of C++; what the searches found there.
$(BUILD)/tests/held/answers: $(patsubst %.c,$(BUILD)/%.o,tests/held/answers.c \
            $(filter-out record/writer.c,$(wildcard record/*.c)))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

# A shim that writes down what its engine tells of leases, in place of keeping
# them: the first definitions count.
$(BUILD)/tests/teller.so: $(BUILD)/tests/parts/told_leases.o \
            $(PRELOAD_SRC:%.c=$(BUILD)/%.o) $(PRELOAD_ASM:%.S=$(BUILD)/%.o)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,--allow-multiple-definition \
	  -Wl,-z,nodelete -Wl,-z,now $(LDFLAGS) -o $@ $^

$(BUILD)/tests/parts/told_leases.o: SHARED := -fPIC -fvisibility=hidden \
    -ftls-model=initial-exec

$(BUILD)/tests/rules_said: $(patsubst %.c,$(BUILD)/%.o,tests/parts/rules_said.c \
            $(filter-out record/writer.c,$(wildcard record/*.c)))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

PLAIN = -D_GNU_SOURCE -I. -g -O1 $(NOTED) $(LIBPQ)

# As a user's programs are, without a sanitizer.
$(BUILD)/tests/held/ends.o: CFLAGS := -O2 -g

$(BUILD)/tests/held/c $(BUILD)/tests/held/cc: tests/held/held.h $(BUILD)/tests/held/ends.o
$(BUILD)/tests/held/c: tests/held/held.c
	$(call say,PROGRAM,$@)
	$(Q)$(CC) -std=c11 $(PLAIN) -o $@ $< $(BUILD)/tests/held/ends.o -lpq -lpthread

$(BUILD)/tests/held/cc: tests/held/held.cc
	$(call say,PROGRAM,$@)
	$(Q)$(CXX) -std=c++17 $(PLAIN) -o $@ $< $(BUILD)/tests/held/ends.o -lpq -lpthread

$(BUILD)/tests/held/harm: tests/held/harm.c tests/held/scrub.h
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 $(PLAIN) -o $@ $< -lpq -lpthread

$(BUILD)/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(LIBPQ) $(CFLAGS) $(SHARED) -c -o $@ $<

$(BUILD)/%.o: %.S Makefile
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -I. -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

check-unit: $(TESTS) ## unit tests; CK_RUN_SUITE=tracker for one suite
	$(call say,TEST,$<)
	$(Q)cd $(BUILD) && ./unit-tests

check-e2e: all $(PROGRAMS) $(AUDIT) $(SLOTS) $(HELD) $(TELLER) ## end-to-end tests, real PostgreSQL; E2E=regex for some
	$(call say,TEST,e2e)
	$(Q)BUILD=$(BUILD) tests/run.sh '$(E2E)'

# What a user pays; CI has other things to do meanwhile.
bench: $(SHIM) $(BUILD)/tests/bench/hooked ## what a hooked call costs, and may cost
	$(call say,BENCH,hooked)
	$(Q)rm -rf $(BUILD)/tests/bench/records; mkdir $(BUILD)/tests/bench/records
	$(Q)CONNLEAK_DIR=$(abspath $(BUILD)/tests/bench/records) LD_PRELOAD=$(abspath $(SHIM)) \
	  CONNLEAK_HOOK='acquire hold@main handle=return;acquire hooked@main handle=return' \
	  $(BUILD)/tests/bench/hooked

$(BUILD)/tests/bench/hooked: tests/bench/hooked.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -g -O2 $(WARNINGS) -o $@ $<

# What is rare shows after many tries; CI does not run this.
soak: all tests ## an hour of repetition: fuzzing, then every test 20 times
	$(call say,SOAK,fuzz)
	$(Q)+$(MAKE) --no-print-directory SANITIZE=address,undefined tests
	$(Q)cd build/address,undefined && \
	  FUZZ_TIMES=100 CK_RUN_SUITE=fuzz ./unit-tests
	$(call say,SOAK,every test)
	$(Q)for i in $$(seq 20); do \
	  $(MAKE) --no-print-directory check-unit check-e2e || exit 1; done
	$(call say,SOAK,held: the full product)
	$(Q)+HELD_PRODUCT=1 TEST_TIMEOUT=7200 $(MAKE) --no-print-directory \
	  check-e2e E2E='^held.sh:every_place_in_every_way'

incidents-soak: all ## each outage ten times while the machine is busy
	$(call say,SOAK,incidents)
	$(Q)BUILD=$(BUILD) tests/server.sh run tests/incidents.sh soak $(INCIDENT)

check-headers: ## each header compiles alone
	$(call say,TEST,headers)
	$(Q)for h in $(HEADERS); do \
	  $(CC) -std=c11 -D_GNU_SOURCE -I. $(LIBPQ) -Wall -Werror -fsyntax-only \
	    -x c $$h || exit 1; done

# What the shim may see of record/.
SHIM_SEES := format.h|settings.def|rules.h|pools.def|escape.h|signals.h|writer.h
READER    := $(filter-out record/format.h $(SHIM_RECORD) $(wildcard $(SHIM_RECORD:.c=.h)), \
               $(wildcard record/*.[ch]))

check-layers: ## preload and analyzer meet only in record/
	$(call say,TEST,layers)
	$(Q)! grep -nE '#include "(analyzer|record|tests)/' preload/*.* preload/scan/* \
	  $(SHIM_RECORD) $(wildcard $(SHIM_RECORD:.c=.h)) | grep -vE '"record/($(SHIM_SEES))"'
	$(Q)! grep -nE '#include "(preload/|tests/|record/writer)' analyzer/* $(READER)
	$(Q)! grep -nE '#include "' record/format.h record/settings.def samples/*

# The exports are the names in the first parentheses of the rows, and what
# connleak.h looks for.
check-exports: $(SHIM) ## the shim exports what the tables and connleak.h name
	$(call say,TEST,exports)
	$(Q)sed -nE -e 's/^[A-Z_]+\( *([A-Za-z0-9_]+)[,)].*/\1/p' \
	  -e 's/^.*\b(connleak_shim_\w+)[,)].*/\1/p' \
	  preload/hooks.def preload/system.def preload/connleak.h \
	  | sort -u > $(BUILD)/hooks.wanted
	$(Q)nm -D --defined-only $(SHIM) | awk '{print $$3}' | sort \
	  | diff -u $(BUILD)/hooks.wanted -

check-scripts: ## shellcheck finds nothing
	$(call say,TEST,scripts)
	$(Q)shellcheck --shell=bash --external-sources $(SCRIPTS)

check-docs: ## the man page is sound, and has every setting and kind
	$(call say,TEST,docs)
	$(Q)tests/docs.sh

install: $(SHIM) $(ANALYZER) ## to PREFIX (/usr/local), below DESTDIR
	install -D -m 755 $(ANALYZER) $(DESTDIR)$(PREFIX)/bin/connleak
	install -D -m 644 $(SHIM) $(DESTDIR)$(PREFIX)/lib/libconnleak.so
	install -D -m 644 preload/connleak.h $(DESTDIR)$(PREFIX)/include/connleak.h
	install -D -m 644 docs/connleak.1 \
	  $(DESTDIR)$(PREFIX)/share/man/man1/connleak.1

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/connleak \
	  $(DESTDIR)$(PREFIX)/lib/libconnleak.so \
	  $(DESTDIR)$(PREFIX)/include/connleak.h \
	  $(DESTDIR)$(PREFIX)/share/man/man1/connleak.1

clean: ## remove build/
	rm -rf build

help: ## show this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/p' Makefile | expand -t 18
