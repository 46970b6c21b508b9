/* SPDX-License-Identifier: MIT */
/*
 * address - whether an ADDRESS of the log (record/format.h) is PostgreSQL's
 *
 * A socket of the name that every server gives it, the port 5432, or whatever
 * the libpq of a watched process was connected to.
 */
#ifndef ANALYZER_ADDRESS_H
#define ANALYZER_ADDRESS_H

#include <stdbool.h>
#include "record/log.h"

/* By its name or port alone. */
bool address_is_usual(const char *address);

/* By these, or because the log has a `peer` line with it. */
bool address_is_postgres(const char *address, const struct log *log);

#endif
