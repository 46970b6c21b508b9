/* SPDX-License-Identifier: MIT */
/*
 * made_module - a library that a test compiles, and what symbols say of it
 *
 * The library tells the return addresses of its own calls: these are true
 * without any debug info.  Its files are in the scratch folder.
 */
#ifndef TESTS_MADE_MODULE_H
#define TESTS_MADE_MODULE_H

#include <check.h>
#include "analyzer/symbols.h"
#include "tests/scratch.h"

/* The linker takes it as it is, so that tests know it without reading it. */
#define BUILD_ID "-Wl,--build-id=0xa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3"
#define OTHER_ID "-Wl,--build-id=0xffa1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3"
#define NO_ID	 "-Wl,--build-id=none"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern struct arena arena;	    /* of one test */
extern struct symbols *symbols;	    /* of one test */
extern struct report_frame *frames; /* what was looked up last */

/* A case with these, and with time for the compiler. */
TCase *module_case(Suite *suite, const char *name);

/* Runs a shell command in the scratch folder. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * These make lib.so; the flags say with what build-id and debug info.
 *
 * In C: plain(), at line 140 of code.c, calls; so does hidden(), which is
 * static, for call_hidden(); so does inner(), at line 110, inlined at line 120
 * of middle(), inlined at line 130 of outer().  ends_in_a_call(), at line 150,
 * is called by call_ends_in_a_call().
 *
 * In C++: shop::shelf<int>::take(int), for call_template(), at line 5 of
 * code.cc, and hidden(int) in a namespace without a name, for call_hidden().
 */
void compile(const char *flags);
void compile_cxx(const char *flags);
/* Of any `code` in C. */
void compile_other(const char *code, const char *flags);

/*
 * Of lib.so, less its load bias: the return address of the call that
 * `function` makes when it is called here; and that of any symbol.
 */
uint64_t call_in(const char *function);
uint64_t address_of(const char *symbol);

/*
 * What is found of the file `name`, recorded with BUILD_ID, or with none: the
 * number of frames, which are at `frames`.
 */
size_t look_up(const char *name, uint64_t offset);
size_t look_up_without_id(const char *name, uint64_t offset);

/* A frame of the library in C. */
void check_frame(size_t i, const char *function, int line, bool inlined);
void check_nothing_known(size_t count, enum report_trouble trouble);

/* Of test_symbols_files.c; the suite is in test_symbols.c. */
void add_symbols_files(Suite *suite);

#endif
