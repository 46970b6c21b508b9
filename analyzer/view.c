/* SPDX-License-Identifier: MIT */
#include "analyzer/view.h"

#include <time.h>

#include "analyzer/commands.h"
#include "analyzer/evidence.h"
#include "analyzer/gate.h"
#include "analyzer/judge.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* It was asked for, so it is also said where it cannot be had. */
void view_print(const char *path, const struct thresholds *thresholds,
		FILE *out)
{
	struct report report = { .viewed_ns = now_ns() };
	const struct gate gate = { .thresholds = thresholds };
	const char *unread = NULL;
	struct evidence evidence;

	arena_init(&report.arena);
	evidence_init(&evidence, &report.arena);
	if (evidence_add(&evidence, path, &unread))
		fprintf(out, "connleak: nothing can be said now: %s\n", unread);
	else {
		judge(&report, &evidence, &gate, NULL);
		/* What cannot be written is not worth an end of ours. */
		if (report_text(&report, out, output_wants_colour(out)))
			clearerr(out);
	}
	evidence_release(&evidence);
	arena_release(&report.arena);
}
