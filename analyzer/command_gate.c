/* SPDX-License-Identifier: MIT */
/* What gates, as the options of run and report say it alike. */
#include <errno.h>

#include "analyzer/commands.h"
#include "analyzer/thresholds.h"

/* 0 stands for what is learnt. */
static int take_held(struct thresholds *thresholds, const struct options *o,
		     const char **ret_error)
{
	if (!o->values[SETTING_HELD].given)
		return 0;
	thresholds->held_s = (double)option_duration_ms(o, SETTING_HELD) / 1e3;
	if (thresholds->held_s > 0)
		return 0;
	*ret_error = "--held must be longer than nothing: all that is out "
		     "would be held too long";
	return -EINVAL;
}

int command_thresholds(struct thresholds *thresholds, const struct options *o,
		       struct arena *arena, const char **ret_error)
{
	const int err = thresholds_parse(
		thresholds, option_text(o, SETTING_VERDICT), arena, ret_error);

	return err ? err : take_held(thresholds, o, ret_error);
}

int command_gate(struct gate *gate, const struct options *o,
		 struct arena *arena, const char **ret_error)
{
	const char *path = option_text(o, SETTING_SUPPRESS);
	struct thresholds *thresholds = arena_alloc(arena, sizeof(*thresholds));
	struct suppress *suppress;
	int err = gate_parse(gate, option_text(o, SETTING_FAIL_ON),
			     option_switch(o, SETTING_STRICT),
			     option_text(o, SETTING_ALLOW), arena, ret_error);

	if (!err)
		err = command_thresholds(thresholds, o, arena, ret_error);
	gate->thresholds = thresholds;
	if (err || !path)
		return err;
	suppress = arena_alloc(arena, sizeof(*suppress));
	err = suppress_read(suppress, path, arena, ret_error);
	gate->suppress = suppress;
	return err;
}
