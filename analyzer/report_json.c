/* SPDX-License-Identifier: MIT */
/*
 * The report for programs: schema connleak-report/1.  Its keys are promised;
 * more may be added.  What is unknown is null, never 0 or "".
 */
#include "analyzer/report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "analyzer/emit.h"
#include "analyzer/printable.h"

struct json_writer {
	struct arena arena; /* for strings on their way into jansson */
	bool failed;	    /* jansson had no memory: there is no report */
};

/* Takes over `value`, as all below that are given one. */
static void put(struct json_writer *w, json_t *object, const char *key,
		json_t *value)
{
	if (json_object_set_new(object, key, value))
		w->failed = true;
}

static void append(struct json_writer *w, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		w->failed = true;
}

static void put_text(struct json_writer *w, json_t *object, const char *key,
		     const char *text)
{
	put(w, object, key,
	    text && *text ? json_string(printable_utf8(&w->arena, text))
			  : json_null());
}

/* jansson's integers are signed; a record may claim anything. */
static void put_count(struct json_writer *w, json_t *object, const char *key,
		      uint64_t count)
{
	put(w, object, key,
	    json_integer(count < INT64_MAX ? (json_int_t)count : INT64_MAX));
}

static void put_known(struct json_writer *w, json_t *object, const char *key,
		      int number)
{
	put(w, object, key, number ? json_integer(number) : json_null());
}

static void put_seconds(struct json_writer *w, json_t *object, const char *key,
			double seconds)
{
	put(w, object, key,
	    isfinite(seconds) ? json_real(seconds) : json_null());
}

/* RFC 3339, in UTC. */
static void put_time(struct json_writer *w, json_t *object, const char *key,
		     uint64_t ns)
{
	const time_t seconds = (time_t)(ns / 1000000000u);
	const int ms = (int)(ns / 1000000u % 1000u);
	struct tm utc;
	char text[32] = "";

	if (ns && gmtime_r(&seconds, &utc))
		strftime(text, sizeof(text), "%FT%T", &utc);
	put_text(w, object, key,
		 *text ? arena_printf(&w->arena, "%s.%03dZ", text, ms) : NULL);
}

static void put_place(struct json_writer *w, json_t *object,
		      const struct report_frame *frame)
{
	put_text(w, object, "function", frame->function);
	put_text(w, object, "file", frame->file);
	put_known(w, object, "line", frame->line);
	put_text(w, object, "module", frame->module);
}

static json_t *site(struct json_writer *w, const struct report_stack *stack)
{
	static const struct report_frame unknown = { .function = NULL };
	json_t *object = json_object();

	put_place(w, object,
		  stack->site < stack->count ? &stack->frames[stack->site]
					     : &unknown);
	return object;
}

static json_t *frame(struct json_writer *w, const struct report_frame *f)
{
	json_t *object = json_object();

	put_place(w, object, f);
	if (f->module)
		put_count(w, object, "offset", f->offset);
	else
		put(w, object, "offset", json_null());
	put(w, object, "inlined", json_boolean(f->inlined));
	put_text(w, object, "language", f->language);
	return object;
}

/* Whether the thread that acquired it is the one that died: if that is known.
 */
static json_t *thread_died(const struct report *report,
			   const struct report_handle *h)
{
	if (h->process >= report->process_count ||
	    !report->processes[h->process].died_in)
		return json_null();
	return json_boolean(h->thread_died);
}

static json_t *handle(struct json_writer *w, const struct report *report,
		      const struct report_handle *h)
{
	json_t *object = json_object();

	put_known(w, object, "pid", h->pid);
	put_known(w, object, "tid", h->tid);
	put_known(w, object, "backend_pid", h->backend_pid);
	put_text(w, object, "host", h->host);
	put_text(w, object, "port", h->port);
	put_text(w, object, "dbname", h->dbname);
	put_text(w, object, "user", h->user);
	put_text(w, object, "pool", h->pool);
	put_text(w, object, "held_by", h->held_by);
	put_time(w, object, "acquired_at", h->acquired_at);
	put_seconds(w, object, "age_s", h->age_s);
	put(w, object, "thread_died", thread_died(report, h));
	return object;
}

static json_t *frames(struct json_writer *w, const struct report_stack *stack)
{
	json_t *array = json_array();

	for (size_t i = 0; i < stack->count; i++)
		append(w, array, frame(w, &stack->frames[i]));
	return array;
}

static json_t *misuse(struct json_writer *w, const struct report_misuse *m)
{
	json_t *object = json_object();

	put_text(w, object, "function", m->function);
	put_count(w, object, "count", m->count);
	put(w, object, "site", site(w, &m->stack));
	put(w, object, "stack", frames(w, &m->stack));
	return object;
}

static json_t *finding(struct json_writer *w, const struct report *report,
		       const struct report_finding *f)
{
	json_t *object = json_object(), *handles = json_array();
	json_t *misused_at = json_array();

	for (size_t i = 0; i < f->handle_count; i++)
		append(w, handles, handle(w, report, &f->handles[i]));
	for (size_t i = 0; i < f->misused_count; i++)
		append(w, misused_at, misuse(w, &f->misused_at[i]));

	put_text(w, object, "kind", f->kind);
	put_text(w, object, "class", f->class);
	put(w, object, "gates", json_boolean(f->gates));
	put_count(w, object, "count", f->count);
	put_text(w, object, "fingerprint", f->fingerprint);
	put_text(w, object, "message", f->message);
	put(w, object, "site", site(w, &f->stack));
	put(w, object, "stack", frames(w, &f->stack));
	put(w, object, "handles", handles);
	put(w, object, "misused_at", misused_at);
	return object;
}

static json_t *site_counts(struct json_writer *w, const struct report_site *s)
{
	json_t *object = json_object(), *hold = json_object();

	put_seconds(w, hold, "p50", s->p50_s);
	put_seconds(w, hold, "p99", s->p99_s);
	put_seconds(w, hold, "max", s->max_s);

	put(w, object, "site", site(w, &s->stack));
	put(w, object, "stack", frames(w, &s->stack));
	put_count(w, object, "acquired", s->acquired);
	put_count(w, object, "released", s->released);
	put_count(w, object, "open", s->open);
	put(w, object, "hold_s", hold);
	return object;
}

static json_t *incomplete(struct json_writer *w, const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->incomplete_count; i++) {
		const struct report_incomplete *gap = &report->incomplete[i];
		json_t *object = json_object();

		put_text(w, object, "reason", report_reason_name(gap->reason));
		put_text(w, object, "text", gap->text);
		put(w, object, "allowed", json_boolean(gap->allowed));
		append(w, array, object);
	}
	return array;
}

static json_t *coverage(struct json_writer *w, const struct report *report)
{
	json_t *object = json_object(), *notes = json_array();

	for (size_t i = 0; i < report->note_count; i++) {
		json_t *note = json_object();

		put_known(w, note, "pid", report->notes[i].pid);
		put_text(w, note, "exe", report->notes[i].exe);
		put_text(w, note, "why", report->notes[i].why);
		append(w, notes, note);
	}
	put_count(w, object, "processes", report->processes_seen);
	put_count(w, object, "watched", report->processes_watched);
	put(w, object, "notes", notes);
	return object;
}

static json_t *totals(struct json_writer *w, const struct report_totals *t)
{
	json_t *object = json_object();

	put_count(w, object, "connects", t->connects);
	put_count(w, object, "failed_connects", t->failed_connects);
	put_count(w, object, "finishes", t->finishes);
	put_count(w, object, "resets", t->resets);
	put_count(w, object, "open_at_end", t->open_at_end);
	put_count(w, object, "peak_open", t->peak_open);
	put_count(w, object, "acquires", t->acquires);
	put_count(w, object, "releases", t->releases);
	put_count(w, object, "leases_at_end", t->leases_at_end);
	put_count(w, object, "peak_leases", t->peak_leases);
	put_count(w, object, "lost", t->lost);
	return object;
}

static json_t *processes(struct json_writer *w, const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->process_count; i++) {
		json_t *object = json_object();

		put_known(w, object, "pid", report->processes[i].pid);
		put_text(w, object, "exe", report->processes[i].exe);
		put_text(w, object, "end", report->processes[i].end);
		put_known(w, object, "died_in", report->processes[i].died_in);
		append(w, array, object);
	}
	return array;
}

static json_t *whole(struct json_writer *w, const struct report *report)
{
	json_t *object = json_object(), *findings = json_array();
	json_t *sites = json_array();

	for (size_t i = 0; i < report->finding_count; i++)
		append(w, findings, finding(w, report, &report->findings[i]));
	for (size_t i = 0; i < report->site_count; i++)
		append(w, sites, site_counts(w, &report->sites[i]));

	put_text(w, object, "schema", REPORT_SCHEMA);
	put_text(w, object, "version", CONNLEAK_VERSION);
	put_text(w, object, "status", report_status_name(report->status));
	put(w, object, "incomplete", incomplete(w, report));
	put(w, object, "coverage", coverage(w, report));
	put(w, object, "totals", totals(w, &report->totals));
	put(w, object, "verdict", json_array());
	put(w, object, "findings", findings);
	put(w, object, "sites", sites);
	put(w, object, "pools", json_array());
	put(w, object, "processes", processes(w, report));
	return object;
}

int report_json(const struct report *report, FILE *out, bool colour)
{
	struct json_writer w = { .failed = false };
	json_t *root;
	char *text = NULL;
	int err = -ENOMEM;

	(void)colour;
	arena_init(&w.arena);
	root = whole(&w, report);
	if (!w.failed)
		text = json_dumps(root,
				  JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	if (text) {
		size_t length = strlen(text);

		text[length] = '\n'; /* in place of the NUL */
		err = emit(out, text, length + 1);
	}
	json_decref(root);
	arena_release(&w.arena);
	free(text);
	return err;
}
