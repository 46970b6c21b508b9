/* SPDX-License-Identifier: MIT */
/*
 * symtab - the functions or variables of a module by its symbol tables, for
 * where there is no debug info
 *
 * elfutils searches its table from end to end for every address; this one is
 * sorted once.
 */
#ifndef ANALYZER_SYMTAB_H
#define ANALYZER_SYMTAB_H

#include <elfutils/libdwfl.h>
#include "analyzer/spans.h"

enum symtab_kind { SYMTAB_FUNCTIONS, SYMTAB_VARIABLES };

struct symtab {
	const char **names; /* of the module's files, which must stay open */
	struct spans by_address;
};

void symtab_build(struct symtab *symtab, struct arena *arena,
		  Dwfl_Module *module, enum symtab_kind kind);

/* As it is in the file, or NULL.  See demangle_symbol(). */
const char *symtab_find(const struct symtab *symtab, uint64_t address);

#endif
