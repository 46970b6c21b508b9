/* SPDX-License-Identifier: MIT */
/* One parser per kind of value, strict: what is not understood is refused. */
#include "analyzer/values.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record/signals.h"

/* Digits up to *ret_end, no sign and no blank; false beyond 64 bits. */
static bool parse_digits(const char *text, uint64_t *ret_number,
			 const char **ret_end)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	*ret_end = end;
	return !errno;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* A number and one of `units`; `most` is the largest product. */
static bool parse_measure(const char *text, const struct unit *units,
			  uint64_t most, uint64_t *ret_number)
{
	const char *end;
	uint64_t number;

	if (!parse_digits(text, &number, &end))
		return false;
	while (units->name && strcmp(units->name, end) != 0)
		units++;
	if (!units->name || number > most / units->factor)
		return false;
	*ret_number = number * units->factor;
	return true;
}

static bool parse_switch(const char *text, uint64_t *ret_number)
{
	*ret_number = *text == '1';
	return !strcmp(text, "0") || !strcmp(text, "1");
}

static bool parse_text(const char *text, uint64_t *ret_number)
{
	*ret_number = 0;
	return *text;
}

static bool parse_number(const char *text, uint64_t *ret_number)
{
	static const struct unit units[] = { { "", 1 }, { NULL, 0 } };

	return parse_measure(text, units, 255, ret_number);
}

static bool parse_size(const char *text, uint64_t *ret_number)
{
	static const struct unit units[] = { { "", 1 },
					     { "K", 1u << 10 },
					     { "M", 1u << 20 },
					     { "G", 1u << 30 },
					     { NULL, 0 } };

	return parse_measure(text, units, INT64_MAX, ret_number);
}

static bool parse_duration(const char *text, uint64_t *ret_number)
{
	static const struct unit units[] = { { "ms", 1 },
					     { "s", 1000 },
					     { "m", 60 * 1000 },
					     { "h", 60 * 60 * 1000 },
					     { NULL, 0 } };

	if (!strcmp(text, "forever")) {
		*ret_number = VALUE_FOREVER;
		return true;
	}
	return parse_measure(text, units, INT64_MAX / 1000000, ret_number);
}

static bool parse_signal(const char *text, uint64_t *ret_number)
{
	*ret_number = (uint64_t)signals_parse(text);
	return *ret_number;
}

static const struct {
	bool (*parse)(const char *text, uint64_t *ret_number);
	const char *takes;
} kinds[] = {
	[VALUE_SWITCH] = { parse_switch, "no value, 0 or 1" },
	[VALUE_PATH] = { parse_text, "a path" },
	[VALUE_CONNINFO] = { parse_text, "a connection string" },
	[VALUE_LIST] = { parse_text, "words divided by commas" },
	[VALUE_RULES] = { parse_text, "a pool rule" },
	[VALUE_NUMBER] = { parse_number, "a number from 0 to 255" },
	[VALUE_SIZE] = { parse_size, "a number of bytes, or with K, M or G" },
	[VALUE_DURATION] = { parse_duration,
			     "a number with ms, s, m or h, or forever" },
	[VALUE_SIGNAL] = { parse_signal, "the name or number of a signal" },
};

bool value_parse(enum value_kind kind, const char *text, uint64_t *ret_number)
{
	return kinds[kind].parse(text, ret_number);
}

const char *value_takes(enum value_kind kind)
{
	return kinds[kind].takes;
}
