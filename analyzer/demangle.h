/* SPDX-License-Identifier: MIT */
/*
 * demangle - the names of the linker as the programmer wrote them, and the
 * names of programming languages
 */
#ifndef ANALYZER_DEMANGLE_H
#define ANALYZER_DEMANGLE_H

struct arena;

/* C++, and Rust's older scheme; NULL if `symbol` is not of these. */
const char *demangle(struct arena *arena, const char *symbol);

/*
 * What to call `symbol`, a name from a symbol table: without its version and
 * without what the compiler adds to the name of a part or a copy.
 */
const char *demangle_symbol(struct arena *arena, const char *symbol);

/* As far as the mangling tells; NULL if it does not. */
const char *language_of_symbol(const char *symbol);

/* "c", "c++" ... for a DW_LANG_ constant; NULL if it is not known. */
const char *language_name(unsigned language);

#endif
