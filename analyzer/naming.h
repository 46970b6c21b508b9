/* SPDX-License-Identifier: MIT */
/*
 * naming - which frame of a stack names the site, and what a site is called
 *
 * A site is named by its first frame of the user's own code: in no library of
 * libraries.def, of no pool (pool_code.h), and with no source file under
 * /usr/include or /usr/lib (templates of somebody else's header).  If there is
 * none: by the first frame outside connleak and libpq.
 */
#ifndef ANALYZER_NAMING_H
#define ANALYZER_NAMING_H

#include "analyzer/report.h"

/* The last part of a path; "" for NULL. */
const char *naming_base(const char *path);

/* connleak's and libpq's frames tell nothing; the runtime's come last. */
bool naming_is_own(const struct report_frame *frame);
bool naming_is_runtime(const struct report_frame *frame);

/* The index of that frame; 0 in an empty stack. */
size_t naming_site(const struct report_stack *stack);

/* Whether that is the user's own code; else it is the best there is. */
bool naming_has_users(const struct report_stack *stack);

/*
 * Sixteen hex digits that stay the same when the program is built anew: of
 * the kind and of the functions on the stack, not of lines or offsets; nor of
 * which rules name some of them.
 */
const char *naming_fingerprint(struct arena *arena, const char *kind,
			       const struct report_stack *stack);

/* Another, of the n-th stack that would have the same one. */
const char *naming_numbered(struct arena *arena, const char *fingerprint,
			    unsigned n);

#endif
