/* SPDX-License-Identifier: MIT */
#include "analyzer/blind.h"

#include <string.h>
#include "analyzer/address.h"
#include "analyzer/judge.h"
#include "analyzer/naming.h"

#define FURTHER "more" /* in the place of an address */

/* Why the shim was not in a program, worded to follow "not watched: ". */
static const struct reason {
	const char *why, *cure;
} by_kind[] = {
	[EXECUTABLE_MISSING] = { "its file is gone", NULL },
	[EXECUTABLE_UNUSABLE] = { "its file is no program", NULL },
	[EXECUTABLE_MACHINE] = { "made for another machine or word size",
				 "build it for x86-64" },
	[EXECUTABLE_STATIC] = { "linked statically", "link it dynamically" },
	[EXECUTABLE_LOADER] = { "its loader is not glibc's",
				"build it for glibc" },
};

static const struct reason
	by_privilege = { "it runs with special rights",
			 "run it, or a copy, without its special rights" },
	bare = { "its environment was replaced, and LD_PRELOAD lost",
		 "hand LD_PRELOAD and CONNLEAK_DIR on to it" },
	found = { "LD_PRELOAD did not reach it",
		  "hand LD_PRELOAD and CONNLEAK_DIR on to it" },
	unknown = { "libconnleak.so was not loaded into it",
		    "see that libconnleak.so and the records' folder can be "
		    "reached from where it runs" },
	without_libpq = { NULL, "connleak knows libpq's connections only" },
	with_static_libpq = { NULL, "watch it with --static-libpq" },
	with_stripped_libpq = { NULL, "link libpq dynamically" },
	not_hooked = { NULL, NULL };

static const struct reason *reason_of(const struct executable *file)
{
	if (file->privilege)
		return &by_privilege;
	return file->kind == EXECUTABLE_DYNAMIC ? NULL : &by_kind[file->kind];
}

const char *blind_why(const struct executable *file)
{
	const struct reason *reason = reason_of(file);

	return reason ? reason->why : NULL;
}

const char *blind_cure(const struct executable *file)
{
	const struct reason *reason = reason_of(file);

	return reason ? reason->cure : NULL;
}

const char *blind_evidence(struct arena *arena, const struct executable *file)
{
	if (file->wrapper)
		return "Debian's pg_wrapper, which starts a client of "
		       "PostgreSQL";
	switch (file->libpq) {
	case LIBPQ_LINKED:
		return file->through
			       ? arena_printf(arena, "linked with libpq by %s",
					      naming_base(file->through))
			       : "linked with libpq";
	case LIBPQ_STATIC:
	case LIBPQ_STRIPPED:
		return "libpq is linked into it";
	case LIBPQ_NONE:
		break;
	}
	return NULL;
}

/* What was seen says more than what a file could do. */
enum rank { RANK_CONNECTED, RANK_LOADED, RANK_FILE };

/* Processes of one program that are told of in one line. */
struct group {
	const char *exe;
	const struct reason *reason;
	const char *evidence; /* the best; NULL: a note */
	enum rank rank;	      /* of that */
	int pid;	      /* of the first */
	unsigned long count;
};

struct blind {
	struct report *report;
	const struct evidence *evidence;
	struct group *groups;
	size_t group_count;
};

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Whom a watched program is connected to is told one by one. */
static bool is_alike(const struct group *a, const struct group *b)
{
	return same(a->exe, b->exe) && a->reason == b->reason &&
	       !a->evidence == !b->evidence &&
	       (a->reason->why || same(a->evidence, b->evidence));
}

static void add(struct blind *b, const struct group *new)
{
	struct arena *arena = &b->report->arena;

	for (size_t i = 0; i < b->group_count; i++) {
		struct group *group = &b->groups[i];

		if (!is_alike(group, new))
			continue;
		if (new->evidence &&new->rank < group->rank) {
			group->evidence = new->evidence;
			group->rank = new->rank;
		}
		group->count++;
		return;
	}
	b->groups = arena_grow(arena, b->groups, b->group_count,
			       sizeof(*b->groups));
	b->groups[b->group_count] = *new;
	b->groups[b->group_count++].count = 1;
}

/* What the launcher saw of it, while it ran. */
static void find_seen(struct blind *b, const struct unwatched *u,
		      struct group *group)
{
	const struct log *log = &b->evidence->runs[u->run].log;

	for (size_t i = 0; i < u->evidence_count; i++) {
		const char *evidence = u->evidence[i];

		if (address_is_postgres(evidence, log)) {
			group->evidence = arena_printf(&b->report->arena,
						       "it was connected to %s",
						       evidence);
			group->rank = RANK_CONNECTED;
			return;
		}
		if (!strcmp(evidence, "libpq")) {
			group->evidence = "libpq was loaded into it";
			group->rank = RANK_LOADED;
		}
	}
}

/*
 * What could have been watched, and was not for a reason nobody knows, may
 * not have been loaded at all where a library is missing.
 */
static bool may_not_have_loaded(const struct unwatched *u)
{
	return !u->found && u->how != UNWATCHED_BARE && u->file->missing &&
	       executable_can_preload(u->file);
}

static void find_evidence(struct blind *b, const struct unwatched *u,
			  struct group *group)
{
	find_seen(b, u, group);
	if (group->evidence)
		return;
	executable_find_libpq(u->file, b->evidence->arena);
	if (may_not_have_loaded(u))
		return;
	group->evidence = blind_evidence(&b->report->arena, u->file);
	group->rank = RANK_FILE;
}

static const struct reason *why_unwatched(const struct unwatched *u)
{
	const struct reason *reason = reason_of(u->file);

	if (reason && u->file->kind > EXECUTABLE_UNUSABLE)
		return reason;
	if (u->how == UNWATCHED_BARE)
		return &bare;
	if (u->how == UNWATCHED_FOUND)
		return &found;
	return reason ? reason : &unknown;
}

static void add_unwatched(struct blind *b, const struct unwatched *u)
{
	struct group group = {
		.exe = u->event->exe,
		.reason = why_unwatched(u),
		.pid = u->event->pid,
	};

	find_evidence(b, u, &group);
	add(b, &group);
}

/* The file of the process that wrote this line. */
static const char *exe_of(const struct blind *b, size_t run,
			  const struct log_event *event)
{
	const struct log *log = &b->evidence->runs[run].log;

	for (const struct log_event *at = event; at-- > log->events;)
		if (at->kind == LOG_IMAGE && at->pid == event->pid &&
		    at->start == event->start)
			return at->exe;
	for (size_t i = 0; i < b->evidence->record_count; i++) {
		const struct evidence_record *record = &b->evidence->records[i];
		const struct record_header *header =
			reader_header(record->reader);

		if (record->run == run && header->pid == event->pid &&
		    header->start_ticks == event->start)
			return reader_string(record->reader, header->exe);
	}
	return NULL;
}

/* It may be its own libpq that connected, past all hooks. */
static const struct reason *why_connected(const struct blind *b,
					  const char *exe)
{
	struct executable file;

	if (!exe || *exe != '/')
		return &without_libpq;
	executable_look(&file, b->evidence->arena, exe);
	executable_find_libpq(&file, b->evidence->arena);
	return file.libpq == LIBPQ_STATIC     ? &with_static_libpq
	       : file.libpq == LIBPQ_STRIPPED ? &with_stripped_libpq
					      : &without_libpq;
}

/* It was to be hooked, and its own line says why it was not. */
static bool is_not_hooked(const struct log *log, const struct log_event *event)
{
	for (size_t i = 0; i < log->count; i++)
		if (log->events[i].kind == LOG_STATIC &&
		    log->events[i].pid == event->pid &&
		    log->events[i].start == event->start)
			return true;
	return false;
}

static void add_not_hooked(struct blind *b, size_t run,
			   const struct log_event *event)
{
	const struct group group = {
		.exe = exe_of(b, run, event),
		.reason = &not_hooked,
		.evidence = event->what,
		.pid = event->pid,
	};

	add(b, &group);
}

/* Something else than libpq, in a process that was watched, connected. */
static void add_connect(struct blind *b, size_t run,
			const struct log_event *event)
{
	const struct log *log = &b->evidence->runs[run].log;
	struct group group = { .exe = exe_of(b, run, event),
			       .evidence = event->what,
			       .pid = event->pid };

	if (!strcmp(event->what, FURTHER)) {
		judge_add_note(b->report, event->pid, group.exe,
			       "not all addresses that it connected to were "
			       "kept");
		return;
	}
	if (!address_is_postgres(event->what, log) || is_not_hooked(log, event))
		return;
	group.reason = why_connected(b, group.exe);
	add(b, &group);
}

/* "process 7 (app) was", "12 processes of /usr/bin/app were" */
static const char *subject(struct arena *arena, const struct group *group)
{
	if (group->count > 1)
		return arena_printf(arena, "%lu processes of %s", group->count,
				    group->exe ? group->exe : "?");
	if (!group->exe)
		return arena_printf(arena, "process %d", group->pid);
	return arena_printf(arena, "process %d (%s)", group->pid,
			    naming_base(group->exe));
}

static const char *say_unwatched(struct arena *arena, const struct group *group)
{
	return arena_printf(
		arena, "%s %s not watched: %s; %s%s%s", subject(arena, group),
		group->count > 1 ? "were" : "was", group->reason->why,
		group->evidence, group->reason->cure ? "; cure: " : "",
		group->reason->cure ? group->reason->cure : "");
}

static const char *say_connected(struct arena *arena, const struct group *group)
{
	const bool inside = group->reason != &without_libpq;

	return arena_printf(
		arena, "%s %s PostgreSQL's protocol %s: %s; %s%s",
		subject(arena, group), group->count > 1 ? "speak" : "speaks",
		inside ? "with the libpq that is linked into it"
		       : "without libpq",
		group->evidence, inside ? "cure: " : "", group->reason->cure);
}

static const char *say_not_hooked(struct arena *arena,
				  const struct group *group)
{
	return arena_printf(
		arena,
		"%s %s not watched: the libpq that is linked into it could "
		"not be hooked: %s",
		subject(arena, group), group->count > 1 ? "were" : "was",
		group->evidence);
}

static const char *say_note(struct arena *arena, const struct group *group)
{
	if (group->count == 1)
		return arena_printf(arena, "not watched: %s",
				    group->reason->why);
	return arena_printf(arena, "not watched: %s (%lu processes)",
			    group->reason->why, group->count);
}

static void tell(struct report *r, const struct group *group)
{
	if (!group->evidence)
		judge_add_note(r, group->pid, group->exe,
			       say_note(&r->arena, group));
	else if (group->reason == &not_hooked)
		judge_add_incomplete(r, REASON_BLIND,
				     say_not_hooked(&r->arena, group));
	else if (!group->reason->why)
		judge_add_incomplete(r, REASON_BLIND,
				     say_connected(&r->arena, group));
	else
		judge_add_incomplete(r, REASON_BLIND,
				     say_unwatched(&r->arena, group));
}

static void read_log(struct blind *b, size_t run)
{
	const struct log *log = &b->evidence->runs[run].log;

	for (size_t i = 0; i < log->count; i++)
		if (log->events[i].kind == LOG_CONNECT)
			add_connect(b, run, &log->events[i]);
		else if (log->events[i].kind == LOG_STATIC)
			add_not_hooked(b, run, &log->events[i]);
}

bool blind_judge(struct report *r, const struct evidence *e,
		 const struct unwatched_list *unwatched)
{
	struct blind b = { .report = r, .evidence = e };
	const size_t before = r->incomplete_count;

	for (size_t i = 0; i < unwatched->count; i++)
		add_unwatched(&b, &unwatched->list[i]);
	for (size_t i = 0; i < e->run_count; i++)
		if (e->runs[i].has_log)
			read_log(&b, i);
	for (size_t i = 0; i < b.group_count; i++)
		tell(r, &b.groups[i]);
	return r->incomplete_count > before;
}
