/* SPDX-License-Identifier: MIT */
/*
 * address - what the log says of whom a socket is connected to
 */
#ifndef PRELOAD_ADDRESS_H
#define PRELOAD_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	char text[128];	  /* unix:PATH or tcp:IP:PORT (record/format.h) */
	bool unix_socket; /* else it is an internet address */
	bool postgresql;  /* PostgreSQL's, by its name or port */
};

/*
 * False for what is neither.  IPv4 is IPv4, also in the form of IPv6.  Needs
 * no lock and no memory, so that a signal handler may connect.
 */
bool address_read(struct address *out, const struct sockaddr *from,
		  socklen_t length);

uint64_t address_hash(const struct address *address);

#endif
