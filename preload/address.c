/* SPDX-License-Identifier: MIT */
#include "preload/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "preload/hash.h"
#include "preload/line.h"

#define SOCKET_NAME ".s.PGSQL."
#define PORT	    5432

/* Such a path needs no NUL at its end; one that begins with it is abstract. */
static bool read_unix(struct address *out, const struct sockaddr_un *from,
		      size_t length)
{
	char *path = stpcpy(out->text, "unix:");
	const char *name;

	memcpy(path, from->sun_path, length);
	path[length] = 0;
	if (!path[0])
		path[0] = '@';
	name = strrchr(path, '/');
	name = name ? name + 1 : path + (path[0] == '@');
	out->unix_socket = true;
	out->postgresql = !strncmp(name, SOCKET_NAME, strlen(SOCKET_NAME));
	return true;
}

static bool write_internet(struct address *out, int family, const void *from,
			   in_port_t port)
{
	char *text = stpcpy(out->text, "tcp:");

	if (!inet_ntop(family, from, text, INET6_ADDRSTRLEN))
		return false;
	text = stpcpy(text + strlen(text), ":");
	line_digits(text, ntohs(port));
	out->unix_socket = false;
	out->postgresql = ntohs(port) == PORT;
	return true;
}

static bool read_internet6(struct address *out, const struct sockaddr_in6 *from)
{
	const struct in6_addr *address = &from->sin6_addr;

	if (IN6_IS_ADDR_V4MAPPED(address))
		return write_internet(out, AF_INET, &address->s6_addr[12],
				      from->sin6_port);
	return write_internet(out, AF_INET6, address, from->sin6_port);
}

bool address_read(struct address *out, const struct sockaddr *from,
		  socklen_t length)
{
	const struct sockaddr_in *internet = (const void *)from;
	const size_t head = offsetof(struct sockaddr_un, sun_path);

	if (!from || length < sizeof(from->sa_family))
		return false;
	if (from->sa_family == AF_UNIX && length > head &&
	    length <= sizeof(struct sockaddr_un))
		return read_unix(out, (const void *)from, length - head);
	if (from->sa_family == AF_INET && length >= sizeof(*internet))
		return write_internet(out, AF_INET, &internet->sin_addr,
				      internet->sin_port);
	if (from->sa_family == AF_INET6 &&
	    length >= offsetof(struct sockaddr_in6, sin6_scope_id))
		return read_internet6(out, (const void *)from);
	return false;
}

uint64_t address_hash(const struct address *address)
{
	return hash_text(HASH_SEED, address->text);
}
