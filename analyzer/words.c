/* SPDX-License-Identifier: MIT */
#include "analyzer/words.h"

#include <ctype.h>
#include <string.h>

static const struct word vocabulary[] = {
#define ACQUIRE(word, with) \
	{ .text = word, .sort = WORD_ACQUIRE, .partner = with },
#define RELEASE(word, n) { .text = word, .sort = WORD_RELEASE, .rank = n },
#define MAKES(word)	 { .text = word, .sort = WORD_MAKES },
#define SIZE(word)	 { .text = word, .sort = WORD_SIZE },
#define SUBJECT(word, is_strong, is_thing) \
	{ .text = word,                    \
	  .sort = WORD_SUBJECT,            \
	  .strong = is_strong,             \
	  .thing = is_thing },
#define FILLER(word) { .text = word, .sort = WORD_FILLER },
#define LEAVE(pattern)
#include "analyzer/candidates.def"
};

#define VOCABULARY (sizeof(vocabulary) / sizeof(vocabulary[0]))

const struct word *words_known(const char *text)
{
	for (size_t i = 0; i < VOCABULARY; i++)
		if (!strcmp(vocabulary[i].text, text))
			return &vocabulary[i];
	return NULL;
}

static void add_word(struct words *words, const char *text, size_t length)
{
	if (words->count == WORDS_MAX || length >= WORD_MAX) {
		words->failed = true;
		return;
	}
	for (size_t i = 0; i < length; i++)
		words->text[words->count][i] =
			(char)tolower((unsigned char)text[i]);
	words->text[words->count++][length] = 0;
}

/* "dbpool" is db and pool; false if it is not made of such words alone. */
static bool divide(struct words *words, const char *text)
{
	const size_t before = words->count;

	if (!*text)
		return true;
	for (size_t i = 0; i < VOCABULARY; i++) {
		const struct word *word = &vocabulary[i];
		const size_t length = strlen(word->text);

		if (word->sort == WORD_FILLER ||
		    strncmp(word->text, text, length) != 0)
			continue;
		add_word(words, text, length);
		if (!words->failed && divide(words, text + length))
			return true;
		words->count = before;
	}
	return false;
}

/* What ends so is one, whatever its name: ipool. */
static size_t subject_at_end(const char *text)
{
	static const char *const ends[] = { "pool", "conn", "connection" };
	const size_t length = strlen(text);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const size_t end = strlen(ends[i]);

		if (length > end && !strcmp(text + length - end, ends[i]))
			return end;
	}
	return 0;
}

static void add_divided(struct words *words, const char *text, size_t length)
{
	char word[WORD_MAX];
	size_t end;

	add_word(words, text, length);
	if (words->failed)
		return;
	strcpy(word, words->text[--words->count]);
	if (!words_known(word) && divide(words, word))
		return;
	end = words_known(word) ? 0 : subject_at_end(word);
	if (end)
		add_word(words, word, length - end);
	add_word(words, word + (end ? length - end : 0), end ? end : length);
}

static bool is_letter(char byte)
{
	return isalnum((unsigned char)byte) || (unsigned char)byte >= 0x80;
}

/* PGConn is pg and conn: the last of some capitals begins a word. */
static size_t word_length(const char *text)
{
	size_t length = 0;

	while (isupper((unsigned char)text[length]))
		length++;
	if (length > 1 && islower((unsigned char)text[length]))
		return length - 1;
	while (is_letter(text[length]) && !isupper((unsigned char)text[length]))
		length++;
	return length;
}

static void split(struct words *words, const char *name)
{
	while (*name && !words->failed) {
		const size_t length = word_length(name);

		if (length)
			add_divided(words, name, length);
		else if (!strncmp(name, "::", 2))
			words->own = words->count;
		name += length ? length : 1;
	}
}

/* check out, give back and put back are one verb. */
static void join_verbs(struct words *words)
{
	static const char *const pairs[][2] = {
		{ "check", "out" }, { "check", "in" }, { "give", "back" },
		{ "put", "back" },  { "set", "up" },
	};

	for (size_t i = words->own; i + 1 < words->count; i++)
		for (size_t n = 0; n < sizeof(pairs) / sizeof(pairs[0]); n++) {
			if (strcmp(words->text[i], pairs[n][0]) != 0 ||
			    strcmp(words->text[i + 1], pairs[n][1]) != 0)
				continue;
			strcat(words->text[i], pairs[n][1]);
			strcpy(words->text[i + 1], "a");
		}
}

void words_split(struct words *words, const char *name)
{
	*words = (struct words){ .count = 0 };
	split(words, name);
	if (!words->failed)
		join_verbs(words);
}
