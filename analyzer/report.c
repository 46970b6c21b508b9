/* SPDX-License-Identifier: MIT */
/* The names that users and programs read and write. */
#include "analyzer/report.h"

#include <string.h>

const char *report_reason_name(enum report_reason reason)
{
	static const char *const names[REASONS] = {
		[REASON_BLIND] = "blind",
		[REASON_LOST] = "lost",
		[REASON_NO_LIBPQ] = "no-libpq",
	};

	return names[reason];
}

const char *report_status_name(enum report_status status)
{
	static const char *const names[] = {
		[REPORT_CLEAN] = "clean",
		[REPORT_FINDINGS] = "findings",
		[REPORT_INCOMPLETE] = "incomplete",
	};

	return names[status];
}

const char *report_server_limit_name(int limit)
{
	static const char *const names[SERVER_LIMITS] = {
#define LIMIT(id, name) [SERVER_LIMIT_##id] = name,
		SERVER_LIMIT_NAMES(LIMIT)
#undef LIMIT
	};

	return names[limit];
}

uint64_t report_pool_failures(const struct report_pool *pool)
{
	return pool->nothing + pool->errors + pool->exceptions;
}

bool report_is_nothing(const struct report_verdict *verdict)
{
	return !strcmp(verdict->cause, "nothing");
}
