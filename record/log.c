/* SPDX-License-Identifier: MIT */
#include "record/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "record/escape.h"
#include "record/format.h"
#include "record/input.h"

/*
 * What a line of each first word consists of.
 *
 *	P  pid			S  START		T  time
 *	E  exe			N  errno or namespace	R  exit N or signal N
 *	A  address, evidence, reason or name
 */
static const struct line {
	const char *word;
	enum log_kind kind;
	const char *fields;
} lines[] = {
	{ "space", LOG_SPACE, "N" },	   { "start", LOG_START, "TPE" },
	{ "image", LOG_IMAGE, "PSTE" },	   { "exec", LOG_EXEC, "PSTE" },
	{ "bare", LOG_BARE, "PSTE" },	   { "peer", LOG_PEER, "PSA" },
	{ "connect", LOG_CONNECT, "PSA" }, { "lost", LOG_LOST, "PSN" },
	{ "unseen", LOG_UNSEEN, "PSAE" },  { "static", LOG_STATIC, "PSA" },
	{ "end", LOG_EXIT, "PTR" },	   { "left", LOG_LEFT, "P" },
	{ "stop", LOG_STOP, "T" },	   { "record", LOG_RECORD, "PSA" },
	{ "holds", LOG_HOLDS, "P" },
};
#define LINES (sizeof(lines) / sizeof(lines[0]))

/* Digits and nothing else: what strtoull() takes besides is no number here. */
static bool parse_number(const char *word, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!word || !*word)
		return false;
	for (; *word; word++) {
		const unsigned digit = (unsigned char)*word - '0';

		if (digit > 9 || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

static bool parse_int(const char *word, int32_t least, int32_t most,
		      int32_t *ret)
{
	uint64_t value;

	if (!parse_number(word, (uint64_t)most, &value) ||
	    value < (uint64_t)least)
		return false;
	*ret = (int32_t)value;
	return true;
}

static bool parse_result(struct log_event *event, const char *word, char **rest)
{
	if (!word)
		return false;
	if (strcmp(word, "exit") == 0) {
		event->kind = LOG_EXIT;
		return parse_int(strsep(rest, " "), 0, 255, &event->number);
	}
	event->kind = LOG_SIGNAL;
	return strcmp(word, "signal") == 0 &&
	       parse_int(strsep(rest, " "), 1, 127, &event->number);
}

static bool parse_word(const char **ret, char *word)
{
	*ret = word;
	return word && *word && escape_undo(word) == 0;
}

static bool parse_field(struct log_event *event, char field, char **rest)
{
	char *word = strsep(rest, " ");

	switch (field) {
	case 'P':
		return parse_int(word, 1, INT32_MAX, &event->pid);
	case 'S':
		return parse_number(word, UINT64_MAX, &event->start);
	case 'T':
		return parse_number(word, UINT64_MAX, &event->time);
	case 'E':
		return parse_word(&event->exe, word);
	case 'A':
		return parse_word(&event->what, word);
	case 'N':
		return parse_int(word, 0, INT32_MAX, &event->number);
	default:
		return parse_result(event, word, rest);
	}
}

static bool parse_fields(struct log_event *event, const struct line *line,
			 char *rest)
{
	*event = (struct log_event){ .kind = line->kind };
	for (const char *field = line->fields; *field; field++)
		if (!parse_field(event, *field, &rest))
			return false;
	return !rest; /* else two lines grew together */
}

static int add_event(struct log *log, size_t *room,
		     const struct log_event *event)
{
	struct log_event *events;

	if (log->count == *room) {
		*room = *room ? *room * 2 : 64;
		events = reallocarray(log->events, *room, sizeof(*events));
		if (!events)
			return -ENOMEM;
		log->events = events;
	}
	log->events[log->count++] = *event;
	return 0;
}

/* `text` ends with a NUL in place of the newline; `length` is up to it. */
static int parse_line(struct log *log, size_t *room, char *text, size_t length)
{
	const bool whole = strlen(text) == length && length;
	char *rest = text, *word = strsep(&rest, " ");
	struct log_event event;

	if (!whole || !*word) {
		log->malformed++;
		return 0;
	}
	for (size_t i = 0; i < LINES; i++) {
		if (strcmp(word, lines[i].word) != 0)
			continue;
		if (parse_fields(&event, &lines[i], rest))
			return add_event(log, room, &event);
		log->malformed++;
		return 0;
	}
	log->unknown++;
	return 0;
}

static const char *check_first(const char *text, size_t size)
{
	static const char first[] = RECORD_LOG_FIRST "\n";
	const size_t length = sizeof(first) - 1;
	const size_t word = strcspn(first, " ") + 1;

	if (size == 0)
		return "it is empty";
	if (size < length && memcmp(text, first, size) == 0)
		return "it is truncated";
	if (size < word || memcmp(text, first, word) != 0)
		return "it is not the log of a connleak run";
	if (size < length || memcmp(text, first, length) != 0)
		return "it was made by another version of connleak";
	return NULL;
}

/* Takes `log->text` apart; its `size` bytes are followed by a NUL. */
static int parse(struct log *log, size_t size, const char **ret_why)
{
	char *at = log->text, *end = at + size;
	size_t room = 0;

	*ret_why = check_first(at, size);
	if (*ret_why)
		return -EINVAL;
	at += sizeof(RECORD_LOG_FIRST);
	while (at < end) {
		char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline) { /* its writer was killed in the middle */
			log->malformed++;
			break;
		}
		*newline = 0;
		if (parse_line(log, &room, at, (size_t)(newline - at))) {
			*ret_why = strerrordesc_np(ENOMEM);
			return -ENOMEM;
		}
		at = newline + 1;
	}
	return 0;
}

static int read_text(struct input *in, char **ret_text, uint64_t *ret_size)
{
	int err = input_size(in, ret_size);

	if (err)
		return err;
	if (*ret_size > LOG_MAX_SIZE)
		return input_fail(in, -EFBIG, "it is larger than 64 MiB");
	*ret_text = malloc(*ret_size + 1);
	if (!*ret_text)
		return input_fail(in, -ENOMEM, NULL);
	(*ret_text)[*ret_size] = 0;
	return input_read(in, 0, *ret_text, *ret_size);
}

static int open_input(struct log *log, struct input *in, const char **ret_why)
{
	uint64_t size = 0;
	int err;

	*log = (struct log){ .text = NULL };
	err = read_text(in, &log->text, &size);
	*ret_why = in->why;
	if (!err)
		err = parse(log, size, ret_why);
	if (err)
		log_release(log);
	return err;
}

int log_open(struct log *log, int dirfd, const char *name, const char **ret_why)
{
	struct input in;
	int err = input_open(&in, dirfd, name);

	if (err) {
		*log = (struct log){ .text = NULL };
		*ret_why = in.why;
		return err;
	}
	err = open_input(log, &in, ret_why);
	input_close(&in);
	return err;
}

int log_open_memory(struct log *log, const char *bytes, size_t size,
		    const char **ret_why)
{
	struct input in;

	input_memory(&in, bytes, size);
	return open_input(log, &in, ret_why);
}

void log_release(struct log *log)
{
	free(log->events);
	free(log->text);
	*log = (struct log){ .text = NULL };
}
