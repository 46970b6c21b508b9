/* SPDX-License-Identifier: MIT */
/* One finding, as a block of a few lines. */
#include "analyzer/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/columns.h"
#include "analyzer/kinds.h"
#include "analyzer/naming.h"

#define INDENT	      4
#define VALUE_COLUMN  13
#define SERVERS_MAX   3
#define PROCESSES_MAX 3
#define BACKENDS_MAX  8
#define HOLDERS_MAX   3
#define POOLS_MAX     3

/* What the handles of a finding have, each once, in order. */
struct distinct {
	const char *items[REPORT_MAX_HANDLES];
	size_t count;
};

static void distinct_add(struct distinct *list, const char *item)
{
	if (!item || list->count == REPORT_MAX_HANDLES)
		return;
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i], item))
			return;
	list->items[list->count++] = item;
}

/* "a, b, c"; NULL if there is none. */
static const char *distinct_join(const struct text *t,
				 const struct distinct *list, size_t most)
{
	const char *joined = NULL;

	for (size_t i = 0; i < list->count && i < most; i++)
		joined = i ? arena_printf(t->arena, "%s, %s", joined,
					  list->items[i])
			   : list->items[i];
	return joined;
}

/* "a, b, c and 4 more"; how many is only known if all handles are listed. */
static const char *distinct_count(const struct text *t,
				  const struct distinct *list, size_t most,
				  bool all_listed)
{
	const char *joined = distinct_join(t, list, most);

	if (list->count <= most)
		return joined;
	if (!all_listed)
		return arena_printf(t->arena, "%s and more", joined);
	return arena_printf(t->arena, "%s and %zu more", joined,
			    list->count - most);
}

static void write_value(const struct text *t, const char *label,
			const char *value)
{
	if (!value)
		return;
	columns_pad(t->out, 0, INDENT);
	text_style(t, STYLE_DIM);
	fputs(label, t->out);
	text_style(t, STYLE_OFF);
	columns_pad(t->out, INDENT + strlen(label), VALUE_COLUMN);
	columns_wrap(t->out, value, VALUE_COLUMN, VALUE_COLUMN);
}

/* user@host:port/dbname as far as known, or NULL; a socket's host is a path. */
static const char *server_of(const struct text *t,
			     const struct report_handle *handle)
{
	const char *host = text_safe(t, handle->host, "?");
	const char *port = text_safe(t, handle->port, "");
	const char *dbname = text_safe(t, handle->dbname, "");
	const char *user = text_safe(t, handle->user, "");
	const bool bracket = *host != '/' && strchr(host, ':');

	if (!handle->host && !*port && !*dbname && !*user)
		return NULL;
	return arena_printf(t->arena, "%s%s%s%s%s%s%s%s%s", user,
			    *user ? "@" : "", bracket ? "[" : "", host,
			    bracket ? "]" : "", *port ? ":" : "", port,
			    *dbname ? "/" : "", dbname);
}

/* ", in thread 4713", where a core has told. */
static const char *in_thread(const struct text *t,
			     const struct report_process *process)
{
	if (!process->died_in)
		return "";
	return arena_printf(t->arena, ", in thread %d", process->died_in);
}

static const char *process_of(const struct text *t,
			      const struct report_handle *handle)
{
	const struct report_process *process;
	const char *exe;

	if (!handle->pid)
		return NULL;
	if (handle->process >= t->report->process_count)
		return arena_printf(t->arena, "%d", handle->pid);
	process = &t->report->processes[handle->process];
	exe = text_safe(t, naming_base(process->exe), "");
	return arena_printf(t->arena, "%d%s%s (%s%s)", handle->pid,
			    *exe ? " " : "", exe,
			    text_safe(t, process->end, "unknown end"),
			    in_thread(t, process));
}

static const char *of_dead_thread(const struct text *t,
				  const struct report_finding *finding)
{
	if (!finding->thread_died)
		return NULL;
	return arena_printf(t->arena,
			    "%" PRIu64 " of these by the one that died",
			    finding->thread_died);
}

static const char *acquired(const struct text *t,
			    const struct report_handle *handle)
{
	const char *time = text_time(t, handle->acquired_at);

	const bool known = isfinite(handle->age_s);
	const double age_s = known ? handle->age_s : handle->least_age_s;

	if (!time || age_s < 0 || (!known && age_s <= 0))
		return time;
	return arena_printf(t->arena, "%s, out for %s%s", time,
			    known ? "" : "at least ", text_duration(t, age_s));
}

/* The newest is only known if all handles are listed. */
static void write_times(const struct text *t,
			const struct report_finding *finding)
{
	const size_t count = finding->handle_count;
	const char *oldest, *newest;

	if (!count)
		return;
	oldest = acquired(t, &finding->handles[0]);
	newest = acquired(t, &finding->handles[count - 1]);
	write_value(t, "since", oldest);
	if (count == finding->count && oldest && newest &&
	    strcmp(oldest, newest) != 0)
		write_value(t, "newest", newest);
}

struct holder {
	const char *words;
	size_t count;
};

static int more_often(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->words, y->words);
}

static size_t list_holders(const struct report_finding *finding,
			   struct holder *holders)
{
	size_t count = 0, n;

	for (size_t i = 0; i < finding->handle_count; i++) {
		const char *words = finding->handles[i].held_by;

		for (n = 0; words && n < count; n++)
			if (!strcmp(holders[n].words, words))
				break;
		if (words && n == count)
			holders[count++] = (struct holder){ .words = words };
		if (words)
			holders[n].count++;
	}
	qsort(holders, count, sizeof(*holders), more_often);
	return count;
}

/* What holds most of them comes first; how many, where not all are the same. */
static void write_holders(const struct text *t,
			  const struct report_finding *finding)
{
	struct holder holders[REPORT_MAX_HANDLES];
	const size_t count = list_holders(finding, holders);

	for (size_t i = 0; i < count && i < HOLDERS_MAX; i++) {
		const char *words = text_safe(t, holders[i].words, "?");

		if (holders[i].count < finding->count)
			words = arena_printf(t->arena,
					     "%s (%zu of %" PRIu64 ")", words,
					     holders[i].count, finding->count);
		write_value(t, i ? "" : "held by", words);
	}
	if (count > HOLDERS_MAX)
		write_value(t, "",
			    arena_printf(t->arena, "and %zu other%s",
					 count - HOLDERS_MAX,
					 count == HOLDERS_MAX + 1 ? "" : "s"));
}

static void write_handles(const struct text *t,
			  const struct report_finding *finding)
{
	struct distinct servers = { .count = 0 }, processes = { .count = 0 };
	struct distinct backends = { .count = 0 }, pools = { .count = 0 };
	const bool all = finding->handle_count == finding->count;
	const char *pids;

	for (size_t i = 0; i < finding->handle_count; i++) {
		const struct report_handle *handle = &finding->handles[i];

		distinct_add(&servers, server_of(t, handle));
		distinct_add(&processes, process_of(t, handle));
		distinct_add(&pools, text_safe(t, handle->pool, NULL));
		if (handle->backend_pid)
			distinct_add(&backends,
				     arena_printf(t->arena, "%d",
						  handle->backend_pid));
	}
	pids = distinct_join(t, &backends, BACKENDS_MAX);
	if (backends.count > BACKENDS_MAX)
		pids = arena_printf(t->arena, "%s and %zu more%s", pids,
				    backends.count - BACKENDS_MAX,
				    all ? "" : " at least");
	write_holders(t, finding);
	write_value(t, "pool", distinct_count(t, &pools, POOLS_MAX, all));
	write_value(t, "server", distinct_count(t, &servers, SERVERS_MAX, all));
	write_value(t, "backend", pids);
	write_times(t, finding);
	write_value(t, "process",
		    distinct_count(t, &processes, PROCESSES_MAX, all));
	write_value(t, "thread", of_dead_thread(t, finding));
}

/* The judge's sentence, which says how many; or the words of the kind. */
static const char *words_of(const struct text *t,
			    const struct report_finding *finding)
{
	const enum kind_id id = kind_find(finding->kind);
	const char *words = NULL;

	if (finding->message)
		return text_safe(t, finding->message, "");
	if (id != KINDS)
		words = finding->count == 1 ? kind_row(id)->one
					    : kind_row(id)->many;
	return arena_printf(t->arena, "%" PRIu64 " %s%s", finding->count,
			    words ? "" : "x ",
			    words ? words : text_safe(t, finding->kind, "?"));
}

/* "leaked-connection:lost", as --fail-on takes it. */
static const char *item_of(const struct text *t,
			   const struct report_finding *finding)
{
	return arena_printf(
		t->arena, "%s%s%s%s", text_safe(t, finding->kind, "?"),
		finding->class ? ":" : "", text_safe(t, finding->class, ""),
		finding->gates || t->report->viewed_ns ? ""
						       : " (does not gate)");
}

static const char *explain(const struct report_finding *finding)
{
	const enum class_id id = class_find(finding->class);
	const enum kind_id kind = kind_find(finding->kind);

	if (id == CLASSES)
		return NULL;
	return kind != KINDS && kind_row(kind)->whole == WHOLE_LEASES
		       ? class_row(id)->lease_words
		       : class_row(id)->words;
}

/* A class is explained where it is met first. */
static const char *class_words(const struct text *t, size_t index)
{
	const struct report_finding *findings = t->report->findings;
	const char *words = explain(&findings[index]);

	for (size_t i = 0; words && i < index; i++)
		if (explain(&findings[i]) == words &&
		    !strcmp(findings[i].class, findings[index].class))
			return NULL;
	return words ? arena_printf(t->arena, "%s: %s", findings[index].class,
				    words)
		     : NULL;
}

static void write_line(const struct text *t, const char *line)
{
	if (!line)
		return;
	columns_pad(t->out, 0, INDENT);
	columns_wrap(t->out, line, INDENT, INDENT);
}

static void write_heading(const struct text *t, size_t index)
{
	const struct report_finding *finding = &t->report->findings[index];

	text_style(t, finding->gates ? STYLE_RED : STYLE_YELLOW);
	columns_wrap(t->out,
		     arena_printf(t->arena, "#%zu  %s", index + 1,
				  words_of(t, finding)),
		     0, INDENT);
	text_style(t, STYLE_OFF);
	text_style(t, STYLE_BOLD);
	write_line(t, text_where(t, &finding->stack, COLUMNS - INDENT));
	text_style(t, STYLE_OFF);
	write_line(t, item_of(t, finding));
	write_line(t, class_words(t, index));
}

/*
 * "then PQfinish" and its stack, for each place that did wrong; unless nobody
 * knows what came before: then the finding is at that place itself.
 */
static void write_misuses(const struct text *t,
			  const struct report_finding *finding)
{
	for (size_t i = 0; finding->function && i < finding->misused_count;
	     i++) {
		const struct report_misuse *misuse = &finding->misused_at[i];
		const char *function = text_safe(t, misuse->function, "??");

		if (!misuse->stack.count)
			continue;
		fputc('\n', t->out);
		write_line(
			t,
			misuse->count == finding->count
				? arena_printf(t->arena, "then %s:", function)
				: arena_printf(t->arena,
					       "then %s (%" PRIu64 " of them):",
					       function, misuse->count));
		text_stack(t, &misuse->stack);
	}
}

void text_finding(const struct text *t, size_t index)
{
	const struct report_finding *finding = &t->report->findings[index];
	const size_t same = text_same_stack(t->report, index);

	write_heading(t, index);
	write_handles(t, finding);
	if (finding->stack.count && same != index) {
		write_value(t, "stack",
			    arena_printf(t->arena, "same as #%zu", same + 1));
	} else if (finding->stack.count) {
		fputc('\n', t->out);
		text_stack(t, &finding->stack);
	}
	write_misuses(t, finding);
	fputc('\n', t->out);
}
