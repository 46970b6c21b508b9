/* SPDX-License-Identifier: MIT */
#include "analyzer/address.h"

#include <string.h>
#include "analyzer/naming.h"

#define UNIX "unix:"
#define TCP  "tcp:"

static bool begins_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

bool address_is_usual(const char *address)
{
	const char *base = naming_base(address), *port;

	/* An abstract one may have no slash. */
	if (begins_with(address, UNIX)) {
		if (base == address)
			base += strlen(UNIX);
		return begins_with(base + (*base == '@'), ".s.PGSQL.");
	}
	port = strrchr(address, ':');
	return begins_with(address, TCP) && !strcmp(port, ":5432");
}

bool address_is_postgres(const char *address, const struct log *log)
{
	if (address_is_usual(address))
		return true;
	if (!begins_with(address, TCP))
		return false;
	for (size_t i = 0; i < log->count; i++)
		if (log->events[i].kind == LOG_PEER &&
		    !strcmp(log->events[i].what, address))
			return true;
	return false;
}
