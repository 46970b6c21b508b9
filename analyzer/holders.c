/* SPDX-License-Identifier: MIT */
#include "analyzer/holders.h"

#include "analyzer/naming.h"

/* Worded to be followed by a thread's number; NULL: nobody's in particular. */
static const char *const threads[] = {
	[HOLDER_STACK] = "stack",
	[HOLDER_REGISTER] = "register",
	[HOLDER_THREAD] = "thread-local storage",
};

static const char *thread(struct arena *arena, const struct record_scan *scan)
{
	const char *what = threads[scan->holder];

	if (!scan->tid)
		return arena_printf(arena, "%s of a thread", what);
	return arena_printf(arena, "%s of thread %d", what, scan->tid);
}

static const char *global(struct symbols *symbols, struct arena *arena,
			  const struct reader *reader,
			  const struct record_scan *scan)
{
	const unsigned long long offset = scan->offset;
	struct symbols_module known = { .path = NULL };
	struct record_module module;
	const char *name, *file;

	if (!reader_module(reader, scan->module, &module))
		return "a global";
	known.path = reader_string(reader, module.path);
	known.build_id = module.build_id;
	known.build_id_size = module.build_id_size;
	file = known.path ? naming_base(known.path) : "?";
	name = symbols_variable(symbols, arena, &known, scan->offset);
	if (!name)
		return arena_printf(arena, "global %s+0x%llx", file, offset);
	return arena_printf(arena, "global %s (%s)", name, file);
}

static const char *root(struct symbols *symbols, struct arena *arena,
			const struct reader *reader,
			const struct record_scan *scan)
{
	switch (scan->holder) {
	case HOLDER_GLOBAL:
		return global(symbols, arena, reader, scan);
	case HOLDER_STACK:
	case HOLDER_REGISTER:
	case HOLDER_THREAD:
		return thread(arena, scan);
	case HOLDER_KERNEL:
		return "an epoll set or a timer";
	default:
		return "memory that nobody understands";
	}
}

const char *holders_say(struct symbols *symbols, struct arena *arena,
			const struct reader *reader,
			const struct record_scan *scan)
{
	const char *at;

	if (scan->answer != ANSWER_HELD && scan->answer != ANSWER_MAYBE)
		return NULL;
	at = root(symbols, arena, reader, scan);
	if (!scan->block_size)
		return at;
	return arena_printf(arena, "heap block of %u bytes, held by %s",
			    scan->block_size, at);
}
