/* SPDX-License-Identifier: MIT */
/* Why the pools ran dry, for programs. */
#include "analyzer/members.h"

static json_t *cause(struct json_writer *w, const struct report_verdict *v)
{
	json_t *object = json_object(), *numbers = json_object();

	for (size_t i = 0; i < v->number_count; i++)
		member_seconds(w, numbers, v->numbers[i].name,
			       v->numbers[i].value);
	member_text(w, object, "cause", v->cause);
	member_text(w, object, "text", v->text);
	member_text(w, object, "advice", v->advice);
	member_put(w, object, "alone", json_boolean(v->alone));
	member_put(w, object, "numbers", numbers);
	member_text(w, object, "headline", v->headline);
	member_text(w, object, "pool", v->pool);
	member_known(w, object, "pid", v->pid);
	return object;
}

json_t *member_verdict(struct json_writer *w, const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->verdict_count; i++)
		member_append(w, array, cause(w, &report->verdict[i]));
	return array;
}
