/* SPDX-License-Identifier: MIT */
/* Pools in the JSON report, and when they ran dry. */
#include "analyzer/members.h"

void member_use(struct json_writer *w, json_t *object,
		const struct report_use *use)
{
	member_seconds(w, object, "idle_s", use->idle_s);
	member_put(w, object, "in_query", json_boolean(use->in_query));
	member_seconds(w, object, "query_s", use->query_s);
	member_text(w, object, "transaction", use->transaction);
	member_text(w, object, "last_error", use->sqlstate);
}

static json_t *waiting(struct json_writer *w, const struct report_pool *pool)
{
	json_t *object = json_object();

	member_seconds(w, object, "total", pool->wait_s);
	member_seconds(w, object, "p95", pool->wait_p95_s);
	member_seconds(w, object, "max", pool->longest_wait_s);
	return object;
}

/* How acquires failed. */
static json_t *failed(struct json_writer *w, const struct report_pool *pool)
{
	json_t *object = json_object();

	member_count(w, object, "nothing", pool->nothing);
	member_count(w, object, "error", pool->errors);
	member_count(w, object, "exception", pool->exceptions);
	return object;
}

/* A capacity that nobody has told is null. */
static void put_capacity(struct json_writer *w, json_t *object,
			 uint64_t capacity)
{
	if (capacity)
		member_count(w, object, "capacity", capacity);
	else
		member_put(w, object, "capacity", json_null());
}

static json_t *pool(struct json_writer *w, const struct report_pool *p)
{
	json_t *object = json_object();

	member_text(w, object, "name", p->name);
	put_capacity(w, object, p->capacity);
	member_count(w, object, "peak_used", p->peak_used);
	member_count(w, object, "peak_demand", p->peak_demand);
	member_count(w, object, "waits", p->waits);
	member_count(w, object, "failures", report_pool_failures(p));
	member_known(w, object, "pid", p->pid);
	member_text(w, object, "rule", p->rule);
	member_count(w, object, "used", p->used);
	member_count(w, object, "attempts", p->attempts);
	member_count(w, object, "acquires", p->acquires);
	member_count(w, object, "releases", p->releases);
	member_put(w, object, "wait_s", waiting(w, p));
	member_seconds(w, object, "connect_s", p->connect_s);
	member_put(w, object, "failed_by", failed(w, p));
	member_count(w, object, "nested", p->nested);
	member_count(w, object, "released_by_other_thread", p->by_others);
	member_count(w, object, "most_by_one_thread", p->most_by_one);
	return object;
}

json_t *member_pools(struct json_writer *w, const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->pool_count; i++)
		member_append(w, array, pool(w, &report->pools[i]));
	return array;
}

static json_t *keeper(struct json_writer *w, const struct report_keeper *k)
{
	json_t *object = json_object();

	member_put(w, object, "site", member_site(w, &k->stack));
	member_put(w, object, "stack", member_stack(w, &k->stack));
	member_known(w, object, "tid", k->tid);
	member_known(w, object, "backend_pid", k->backend_pid);
	member_seconds(w, object, "age_s", k->age_s);
	member_use(w, object, &k->use);
	member_put(w, object, "returned",
		   k->out || k->returned ? json_boolean(k->returned)
					 : json_null());
	member_seconds(w, object, "held_s", k->held_s);
	return object;
}

static json_t *exhaustion(struct json_writer *w,
			  const struct report_exhaustion *e)
{
	json_t *object = json_object(), *keepers = json_array();

	for (size_t i = 0; i < e->keeper_count; i++)
		member_append(w, keepers, keeper(w, &e->keepers[i]));
	member_text(w, object, "pool", e->pool);
	member_known(w, object, "pid", e->pid);
	member_known(w, object, "tid", e->tid);
	member_time(w, object, "at", e->when);
	member_text(w, object, "reason", e->reason);
	put_capacity(w, object, e->capacity);
	member_count(w, object, "used", e->used);
	member_count(w, object, "waiting", e->waiting);
	member_text(w, object, "function", e->function);
	member_put(w, object, "site", member_site(w, &e->stack));
	member_put(w, object, "stack", member_stack(w, &e->stack));
	member_put(w, object, "keepers", keepers);
	return object;
}

json_t *member_exhaustions(struct json_writer *w, const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->exhaustion_count; i++)
		member_append(w, array, exhaustion(w, &report->exhaustions[i]));
	return array;
}
