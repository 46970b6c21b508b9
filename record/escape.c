/* SPDX-License-Identifier: MIT */
#include "record/escape.h"

#include <errno.h>
#include <stdbool.h>

static bool plain(unsigned char byte)
{
	return byte > ' ' && byte != 127 && byte != '\\';
}

int escape_text(char *out, size_t size, const char *text)
{
	size_t length = 0;

	for (; *text; text++) {
		const unsigned char byte = (unsigned char)*text;

		if (length + (plain(byte) ? 1 : ESCAPE_LONGEST) >= size)
			return -ENAMETOOLONG;
		if (plain(byte)) {
			out[length++] = *text;
			continue;
		}
		out[length++] = '\\';
		out[length++] = (char)('0' + (byte >> 6));
		out[length++] = (char)('0' + (byte >> 3 & 7));
		out[length++] = (char)('0' + (byte & 7));
	}
	if (length >= size)
		return -ENAMETOOLONG;
	out[length] = 0;
	return (int)length;
}

/* The byte that \ooo at `text` stands for; 0 if it is none. */
static unsigned char undo_byte(const char *text)
{
	unsigned value = 0;

	for (int i = 1; i <= 3; i++) {
		if (text[i] < '0' || text[i] > '7')
			return 0;
		value = value * 8 + (unsigned)(text[i] - '0');
	}
	return value < 256 && !plain((unsigned char)value) ? value : 0;
}

int escape_undo(char *text)
{
	char *out = text;

	while (*text) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '\\') {
			byte = undo_byte(text);
			text += 3;
		} else if (!plain(byte)) {
			byte = 0;
		}
		if (!byte)
			return -EINVAL;
		*out++ = (char)byte;
		text++;
	}
	*out = 0;
	return 0;
}
