/* SPDX-License-Identifier: MIT */
#include "preload/scan/search.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/scan/doubts.h"
#include "preload/scan/following.h"
#include "preload/scan/looking.h"

/* NULL: no room, or nothing to search for. */
static struct state *begin(struct search *s)
{
	struct state *now = workspace_take(s->workspace, sizeof(*now));

	if (!now || !s->target_count)
		return NULL;
	now->s = s;
	targets_begin(&now->targets, s->targets, s->target_count);
	return now;
}

static bool prepare(struct state *now)
{
	struct workspace *w = now->s->workspace;

	if (!hits_begin(&now->hits, w) || !following_begin(now) ||
	    !regions_read(&now->regions, now->s->world, w))
		return false;
	now->pagemap =
		(int)syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/pagemap",
			     O_RDONLY | O_CLOEXEC, 0);
	return true;
}

static bool is_any_left(const struct state *now)
{
	for (size_t i = 0; i < now->targets.count; i++)
		if (now->targets.list[i].answer == ANSWER_NONE)
			return true;
	return false;
}

/* What nothing has led to.  False if there was no time for it. */
static bool conclude(struct state *now, bool complete)
{
	const bool may_be = complete && now->s->may_be_lost;
	bool certain;

	now->s->doubt = may_be && is_any_left(now) && doubts_any(now);
	certain = may_be && !now->s->doubt;
	complete = complete && !state_expired(now);
	for (size_t i = 0; i < now->targets.count; i++) {
		struct target *target = &now->targets.list[i];

		if (target->answer != ANSWER_NONE)
			continue;
		if (complete && certain && !target->in_doubt)
			target->answer = ANSWER_LOST;
		else if (complete)
			target->answer = ANSWER_MAYBE;
	}
	return complete;
}

bool search_run(struct search *s)
{
	struct state *now = begin(s);
	bool complete;

	if (!now || !prepare(now))
		return false;
	now->wiped = doubts_is_wiped(now);
	looking_run(now);
	complete = !now->late;
	if (complete && now->targets.pending && now->hits.count)
		complete = following_run(now);
	complete = conclude(now, complete);
	if (now->pagemap >= 0)
		syscall(SYS_close, now->pagemap);
	return complete;
}
