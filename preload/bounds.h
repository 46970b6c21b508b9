/* SPDX-License-Identifier: MIT */
/*
 * bounds - what bounds a connection in time: connect_timeout, and what its
 * socket was told
 *
 * libpq says back which connect_timeout it has, but only together with the
 * password.  So the call's own arguments are read, as libpq reads them, for two
 * keywords of it and no other; of these nothing is kept but a number.  What
 * comes from a service file cannot be seen there, and is not known.
 *
 * Nothing here takes a lock, allocates, or changes errno.
 */
#ifndef PRELOAD_BOUNDS_H
#define PRELOAD_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

/* As in struct record_server. */
struct bounds {
	uint16_t flags; /* SERVER_* */
	uint16_t keepalive_s;
	uint32_t connect_timeout_s;
	uint32_t user_timeout_ms;
};

/*
 * Of a call that connects, by its arguments: before the call, since a program
 * may change them as soon as libpq has read them.  NULL is libpq's to crash on.
 */
void bounds_by_string(struct bounds *b, const char *info);
void bounds_by_arrays(struct bounds *b, const char *const *keys,
		      const char *const *values, bool expands);
void bounds_by_name(struct bounds *b, const char *dbname); /* PQsetdbLogin */
/* Of one that begins to connect: libpq leaves the waiting to the program. */
void bounds_by_program(struct bounds *b);

/* Of its socket, which is -1 where the connect failed; `host` as libpq says. */
void bounds_of_socket(struct bounds *b, int fd, const char *host);

/* Whether it is known that nothing ends an attempt to connect. */
bool bounds_are_missing(const struct bounds *b);

#endif
