/* SPDX-License-Identifier: MIT */
#include "analyzer/members.h"

#include <math.h>
#include <time.h>
#include "analyzer/printable.h"

void member_put(struct json_writer *w, json_t *object, const char *key,
		json_t *value)
{
	if (json_object_set_new(object, key, value))
		w->failed = true;
}

void member_append(struct json_writer *w, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		w->failed = true;
}

void member_text(struct json_writer *w, json_t *object, const char *key,
		 const char *text)
{
	member_put(w, object, key,
		   text && *text ? json_string(printable_utf8(&w->arena, text))
				 : json_null());
}

/* jansson's integers are signed; a record may claim anything. */
void member_count(struct json_writer *w, json_t *object, const char *key,
		  uint64_t count)
{
	member_put(w, object, key,
		   json_integer(count < INT64_MAX ? (json_int_t)count
						  : INT64_MAX));
}

void member_known(struct json_writer *w, json_t *object, const char *key,
		  int number)
{
	member_put(w, object, key, number ? json_integer(number) : json_null());
}

void member_seconds(struct json_writer *w, json_t *object, const char *key,
		    double seconds)
{
	member_put(w, object, key,
		   isfinite(seconds) ? json_real(seconds) : json_null());
}

void member_server(struct json_writer *w, json_t *object, const char *host,
		   const char *port, const char *dbname, const char *user)
{
	member_text(w, object, "host", host);
	member_text(w, object, "port", port);
	member_text(w, object, "dbname", dbname);
	member_text(w, object, "user", user);
}

/* RFC 3339, in UTC. */
void member_time(struct json_writer *w, json_t *object, const char *key,
		 uint64_t ns)
{
	const time_t seconds = (time_t)(ns / 1000000000u);
	const int ms = (int)(ns / 1000000u % 1000u);
	struct tm utc;
	char text[32] = "";

	if (ns && gmtime_r(&seconds, &utc))
		strftime(text, sizeof(text), "%FT%T", &utc);
	member_text(w, object, key,
		    *text ? arena_printf(&w->arena, "%s.%03dZ", text, ms)
			  : NULL);
}

static void put_place(struct json_writer *w, json_t *object,
		      const struct report_frame *frame)
{
	member_text(w, object, "function", frame->function);
	member_text(w, object, "file", frame->file);
	member_known(w, object, "line", frame->line);
	member_text(w, object, "module", frame->module);
}

json_t *member_site(struct json_writer *w, const struct report_stack *stack)
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
		member_count(w, object, "offset", f->offset);
	else
		member_put(w, object, "offset", json_null());
	member_put(w, object, "inlined", json_boolean(f->inlined));
	member_text(w, object, "language", f->language);
	return object;
}

json_t *member_stack(struct json_writer *w, const struct report_stack *stack)
{
	json_t *array = json_array();

	for (size_t i = 0; i < stack->count; i++)
		member_append(w, array, frame(w, &stack->frames[i]));
	return array;
}
