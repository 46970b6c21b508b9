/* SPDX-License-Identifier: MIT */
/*
 * words - what a function's name is put together from
 *
 * Names are divided at _ and ::, before a capital, and between words that are
 * known (candidates.def): getFreeDbconn is get, free, db, conn.
 */
#ifndef ANALYZER_WORDS_H
#define ANALYZER_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX 24 /* of a name; one with more is not read */
#define WORD_MAX  32

enum word_sort {
	WORD_OTHER,
	WORD_ACQUIRE,
	WORD_RELEASE,
	WORD_MAKES,
	WORD_SIZE,
	WORD_SUBJECT,
	WORD_FILLER,
};

struct word {
	const char *text;
	enum word_sort sort;
	const char *partner; /* of WORD_ACQUIRE */
	int rank;	     /* of WORD_RELEASE */
	bool strong, thing;  /* of WORD_SUBJECT */
};

struct words {
	char text[WORDS_MAX][WORD_MAX]; /* in lower case */
	size_t count;
	size_t own; /* the first behind namespaces and classes */
	bool failed;
};

void words_split(struct words *words, const char *name);

/* NULL if it is none of candidates.def. */
const struct word *words_known(const char *text);

#endif
