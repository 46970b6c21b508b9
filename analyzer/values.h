/* SPDX-License-Identifier: MIT */
/*
 * values - what may stand behind an option, by the kinds of settings.def
 *
 * A kind is named there without VALUE_.
 */
#ifndef ANALYZER_VALUES_H
#define ANALYZER_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#define VALUE_FOREVER UINT64_MAX

enum value_kind {
	VALUE_SWITCH, /* 0 or 1 */
	VALUE_PATH,
	VALUE_CONNINFO,
	VALUE_LIST,
	VALUE_RULES,	/* record/rules.h says what is one */
	VALUE_NUMBER,	/* 0 to 255 */
	VALUE_SIZE,	/* bytes, at most INT64_MAX */
	VALUE_DURATION, /* ms; INT64_MAX ns at most, or VALUE_FOREVER */
	VALUE_SIGNAL,	/* its number; record/signals.h says which may ask */
};

/* False if `text` is no such value; none may be empty. */
bool value_parse(enum value_kind kind, const char *text, uint64_t *ret_number);

/* "a number from 0 to 255", for messages. */
const char *value_takes(enum value_kind kind);

#endif
