/* SPDX-License-Identifier: MIT */
/* One decoder of UTF-8, and the two ways to replace what may not pass. */
#include "analyzer/printable.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static size_t sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xC2 && lead < 0xE0)
		return 2;
	if (lead >= 0xE0 && lead < 0xF0)
		return 3;
	return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

size_t printable_decode(const char *text, uint32_t *ret_character)
{
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	static const unsigned char lead_bits[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
	const unsigned char *bytes = (const unsigned char *)text;
	const size_t length = sequence_length(*bytes);
	uint32_t character = *bytes & lead_bits[length];

	if (!*bytes || !length)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 0;
		character = character << 6 | (bytes[i] & 0x3F);
	}
	if (character < lowest[length] || character > 0x10FFFF ||
	    (character >= 0xD800 && character <= 0xDFFF))
		return 0;
	*ret_character = character;
	return length;
}

/* What a terminal obeys instead of showing it. */
static bool commands_terminal(uint32_t character)
{
	return character < 0x20 || (character >= 0x7F && character < 0xA0) ||
	       (character >= 0x200E && character <= 0x200F) ||
	       (character >= 0x2028 && character <= 0x202E) ||
	       (character >= 0x2066 && character <= 0x2069);
}

/* How many bytes at `text` may be shown as they are; 0 if the first may not. */
static size_t showable(const char *text)
{
	uint32_t character;
	size_t length = printable_decode(text, &character);

	return length && !commands_terminal(character) ? length : 0;
}

const char *printable_text(struct arena *arena, const char *text)
{
	size_t length, at = 0;
	char *safe;

	if (!text)
		return NULL;
	while ((length = showable(text + at)))
		at += length;
	if (!text[at])
		return text;

	safe = arena_alloc(arena, 4 * strlen(text) + 1);
	for (at = 0; *text; text += length) {
		length = showable(text);
		if (length) {
			memcpy(safe + at, text, length);
			at += length;
		} else {
			at += (size_t)sprintf(safe + at, "\\x%02X",
					      (unsigned char)*text);
			length = 1;
		}
	}
	return safe;
}

/* A quote ends the quoted part, and comes after a backslash. */
static const char *quote(struct arena *arena, const char *text)
{
	const char *word = "'", *next;

	for (; (next = strchr(text, '\'')); text = next + 1)
		word = arena_printf(arena, "%s%.*s'\\''", word,
				    (int)(next - text), text);
	return arena_printf(arena, "%s%s'", word, text);
}

const char *printable_word(struct arena *arena, const char *text)
{
	static const char harmless[] = "abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789_./+-,:@%=";

	if (text && (!*text || text[strspn(text, harmless)]))
		text = quote(arena, text);
	return printable_text(arena, text);
}

const char *printable_utf8(struct arena *arena, const char *text)
{
	uint32_t character;
	size_t length, at = 0;
	char *safe;

	if (!text)
		return NULL;
	while ((length = printable_decode(text + at, &character)))
		at += length;
	if (!text[at])
		return text;

	safe = arena_alloc(arena, strlen(REPLACEMENT) * strlen(text) + 1);
	for (at = 0; *text; text += length) {
		const char *from = text;
		size_t size = printable_decode(text, &character);

		length = size ? size : 1;
		if (!size) {
			from = REPLACEMENT;
			size = strlen(REPLACEMENT);
		}
		memcpy(safe + at, from, size);
		at += size;
	}
	return safe;
}
