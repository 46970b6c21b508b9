/* SPDX-License-Identifier: MIT */
/*
 * The report for programs: schema connleak-report/1.  Its keys are promised;
 * more may be added.  What is unknown is null, never 0 or "".
 */
#include "analyzer/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/emit.h"
#include "analyzer/members.h"

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

	member_known(w, object, "pid", h->pid);
	member_known(w, object, "tid", h->tid);
	member_known(w, object, "backend_pid", h->backend_pid);
	member_server(w, object, h->host, h->port, h->dbname, h->user);
	member_text(w, object, "pool", h->pool);
	member_text(w, object, "held_by", h->held_by);
	member_time(w, object, "acquired_at", h->acquired_at);
	member_seconds(w, object, "age_s", h->age_s);
	member_put(w, object, "returned", json_boolean(h->returned));
	member_put(w, object, "thread_died", thread_died(report, h));
	member_use(w, object, &h->use);
	return object;
}

static json_t *misuse(struct json_writer *w, const struct report_misuse *m)
{
	json_t *object = json_object();

	member_text(w, object, "function", m->function);
	member_count(w, object, "count", m->count);
	member_put(w, object, "site", member_site(w, &m->stack));
	member_put(w, object, "stack", member_stack(w, &m->stack));
	return object;
}

static json_t *finding(struct json_writer *w, const struct report *report,
		       const struct report_finding *f)
{
	json_t *object = json_object(), *handles = json_array();
	json_t *misused_at = json_array();

	for (size_t i = 0; i < f->handle_count; i++)
		member_append(w, handles, handle(w, report, &f->handles[i]));
	for (size_t i = 0; i < f->misused_count; i++)
		member_append(w, misused_at, misuse(w, &f->misused_at[i]));

	member_text(w, object, "kind", f->kind);
	member_text(w, object, "class", f->class);
	member_put(w, object, "gates", json_boolean(f->gates));
	member_count(w, object, "count", f->count);
	member_text(w, object, "fingerprint", f->fingerprint);
	member_text(w, object, "message", f->message);
	member_put(w, object, "site", member_site(w, &f->stack));
	member_put(w, object, "stack", member_stack(w, &f->stack));
	member_put(w, object, "handles", handles);
	member_put(w, object, "misused_at", misused_at);
	return object;
}

/* What acquires of connections have none of. */
static void put_waits(struct json_writer *w, json_t *object,
		      const struct report_site *s)
{
	json_t *waited = json_object();

	member_seconds(w, waited, "total", s->wait_s);
	member_seconds(w, waited, "max", s->longest_wait_s);
	member_count(w, object, "waits", s->waits);
	member_put(w, object, "wait_s", waited);
	member_count(w, object, "failures", s->failures);
}

static json_t *site_counts(struct json_writer *w, const struct report_site *s)
{
	json_t *object = json_object(), *hold = json_object();

	member_seconds(w, hold, "p50", s->p50_s);
	member_seconds(w, hold, "p99", s->p99_s);
	member_seconds(w, hold, "max", s->max_s);

	member_put(w, object, "site", member_site(w, &s->stack));
	member_put(w, object, "stack", member_stack(w, &s->stack));
	member_count(w, object, "acquired", s->acquired);
	member_count(w, object, "released", s->released);
	member_count(w, object, "open", s->open);
	member_put(w, object, "hold_s", hold);
	member_text(w, object, "kind", s->leases ? "lease" : "connection");
	if (s->leases)
		put_waits(w, object, s);
	return object;
}

static json_t *incomplete(struct json_writer *w, const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->incomplete_count; i++) {
		const struct report_incomplete *gap = &report->incomplete[i];
		json_t *object = json_object();

		member_text(w, object, "reason",
			    report_reason_name(gap->reason));
		member_text(w, object, "text", gap->text);
		member_put(w, object, "allowed", json_boolean(gap->allowed));
		member_append(w, array, object);
	}
	return array;
}

static json_t *coverage(struct json_writer *w, const struct report *report)
{
	json_t *object = json_object(), *notes = json_array();

	for (size_t i = 0; i < report->note_count; i++) {
		json_t *note = json_object();

		member_known(w, note, "pid", report->notes[i].pid);
		member_text(w, note, "exe", report->notes[i].exe);
		member_text(w, note, "why", report->notes[i].why);
		member_append(w, notes, note);
	}
	member_count(w, object, "processes", report->processes_seen);
	member_count(w, object, "watched", report->processes_watched);
	member_put(w, object, "notes", notes);
	return object;
}

static json_t *totals(struct json_writer *w, const struct report_totals *t)
{
	json_t *object = json_object();

	member_count(w, object, "connects", t->connects);
	member_count(w, object, "failed_connects", t->failed_connects);
	member_count(w, object, "finishes", t->finishes);
	member_count(w, object, "resets", t->resets);
	member_count(w, object, "open_at_end", t->open_at_end);
	member_count(w, object, "peak_open", t->peak_open);
	member_count(w, object, "acquires", t->acquires);
	member_count(w, object, "releases", t->releases);
	member_count(w, object, "leases_at_end", t->leases_at_end);
	member_count(w, object, "peak_leases", t->peak_leases);
	member_count(w, object, "lost", t->lost);
	return object;
}

static json_t *processes(struct json_writer *w, const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->process_count; i++) {
		json_t *object = json_object();

		member_known(w, object, "pid", report->processes[i].pid);
		member_text(w, object, "exe", report->processes[i].exe);
		member_text(w, object, "end", report->processes[i].end);
		member_known(w, object, "died_in",
			     report->processes[i].died_in);
		member_append(w, array, object);
	}
	return array;
}

static json_t *whole(struct json_writer *w, const struct report *report)
{
	json_t *object = json_object(), *findings = json_array();
	json_t *sites = json_array();

	for (size_t i = 0; i < report->finding_count; i++)
		member_append(w, findings,
			      finding(w, report, &report->findings[i]));
	for (size_t i = 0; i < report->site_count; i++)
		member_append(w, sites, site_counts(w, &report->sites[i]));

	member_text(w, object, "schema", REPORT_SCHEMA);
	member_text(w, object, "version", CONNLEAK_VERSION);
	member_text(w, object, "status", report_status_name(report->status));
	member_put(w, object, "incomplete", incomplete(w, report));
	member_put(w, object, "coverage", coverage(w, report));
	member_put(w, object, "totals", totals(w, &report->totals));
	member_put(w, object, "verdict", member_verdict(w, report));
	member_put(w, object, "findings", findings);
	member_put(w, object, "sites", sites);
	member_put(w, object, "pools", member_pools(w, report));
	member_put(w, object, "exhaustions", member_exhaustions(w, report));
	member_put(w, object, "timeouts", member_timeouts(w, report));
	member_put(w, object, "processes", processes(w, report));
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
