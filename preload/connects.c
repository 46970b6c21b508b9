/* SPDX-License-Identifier: MIT */
/*
 * connect(2): whom this process speaks to, by libpq and without it.
 *
 * A connection to PostgreSQL that was not libpq's has passed no hook: this is
 * how the analyzer comes to know.  What may be one, by its address, is named
 * in the run's log; and so is whom a libpq connects to, since PostgreSQL may
 * listen anywhere.
 *
 * The real call comes first and stands alone: it blocks, it may be cancelled
 * or left by a jump.
 */
#include <errno.h>
#include <sys/socket.h>

#include "preload/address.h"
#include "preload/caller.h"
#include "preload/gaps.h"
#include "preload/guard.h"
#include "preload/libpq.h"
#include "preload/lifecycle.h"
#include "preload/line.h"
#include "preload/memory.h"
#include "preload/recording.h"
#include "preload/scope.h"
#include "preload/seen.h"

/* Not on the stack: a signal handler's may be a small one. */
static void write_line(enum seen_kind kind, const char *address)
{
	struct line *line = memory_map(sizeof(*line));

	if (!line)
		return;
	line_begin(line, kind == SEEN_PEER ? "peer" : "connect");
	line_word(line, address);
	if (!line_log(line, recording_folder()) && kind != SEEN_PEER)
		gaps_count(GAP_CONNECT);
	memory_unmap(line, sizeof(*line));
}

static void note(enum seen_kind kind, const struct address *address)
{
	switch (seen_add(kind, address_hash(address))) {
	case SEEN_NEW:
		write_line(kind, address->text);
		break;
	case SEEN_FULL:
		write_line(kind, "more");
		break;
	case SEEN_KNOWN:
		break;
	}
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) &&
	       type == SOCK_STREAM;
}

/*
 * SEEN_KINDS for what is of no interest.  Inside a hooked call it is libpq's
 * own, or somebody's who stands before connect(), or what libpq calls to find
 * an address.  A libpq that connects outside of all hooks was called past them.
 */
static enum seen_kind kind_of(const struct address *address, const void *caller)
{
	if (address->unix_socket && !address->postgresql)
		return SEEN_KINDS;
	if (!caller_is_inside(false))
		return address->postgresql ? SEEN_POSTGRESQL : SEEN_OTHER;
	if (address->unix_socket)
		return SEEN_KINDS;
	return address->postgresql || libpq_holding(caller) ? SEEN_PEER
							    : SEEN_KINDS;
}

static void connected(int fd, const struct sockaddr *to, socklen_t length,
		      const void *caller)
{
	struct address address;
	struct guard guard;
	enum seen_kind kind;

	if (!lifecycle_ready() || !address_read(&address, to, length))
		return;
	kind = kind_of(&address, caller);
	if (kind == SEEN_KINDS || seen_is_known(kind, address_hash(&address)))
		return;
	guard_enter(&guard);
	if (is_stream(fd))
		note(kind, &address);
	guard_leave(&guard);
}

/* What is interrupted, or begun without waiting, goes on by itself. */
__attribute__((visibility("default"))) int
connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t length)
{
	const int result = REAL_SYSTEM(connect)(fd, to, length);

	if (!result || errno == EINPROGRESS || errno == EINTR)
		connected(fd, to.__sockaddr__, length,
			  __builtin_return_address(0));
	return result;
}
