/* SPDX-License-Identifier: MIT */
#include "analyzer/sights.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/address.h"
#include "analyzer/sockets.h"
#include "record/escape.h"

#define OTHERS 16 /* addresses of a process that may be PostgreSQL's */

/* A line that was written. */
struct sight {
	pid_t pid;
	uint64_t start, hash;
	unsigned look; /* the last in which the process was there */
	bool other;    /* an address like any */
};

/* The process that is being told of. */
struct teller {
	struct sights *s;
	pid_t pid;
	uint64_t start;
	char exe[4096];
};

static uint64_t hash_text(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	while (*text++);
	return hash;
}

static bool same_process(const struct sight *a, const struct teller *t)
{
	return a->pid == t->pid && a->start == t->start;
}

/* Whether it is the first time that this is said of the process. */
static bool is_news(const struct teller *t, uint64_t hash, bool other)
{
	struct sights *s = t->s;
	struct sight *larger;

	for (size_t i = 0; i < s->count; i++)
		if (same_process(&s->list[i], t) && s->list[i].hash == hash)
			return false;
	larger = reallocarray(s->list, s->count + 1, sizeof(*larger));
	if (!larger)
		return false;
	s->list = larger;
	s->list[s->count++] = (struct sight){
		.pid = t->pid,
		.start = t->start,
		.hash = hash,
		.look = s->look,
		.other = other,
	};
	return true;
}

static size_t count_others(const struct teller *t)
{
	size_t count = 0;

	for (size_t i = 0; i < t->s->count; i++)
		count += t->s->list[i].other && same_process(&t->s->list[i], t);
	return count;
}

static void tell(const struct teller *t, const char *evidence, bool other)
{
	const uint64_t seed = UINT64_C(0xcbf29ce484222325);
	char exe[4096], what[1024];

	if (!is_news(t, hash_text(hash_text(seed, t->exe), evidence), other) ||
	    escape_text(what, sizeof(what), evidence) <= 0)
		return;
	if (escape_text(exe, sizeof(exe), t->exe) <= 0)
		strcpy(exe, "?");
	folder_log(t->s->folder, "unseen %d %llu %s %s", (int)t->pid,
		   (unsigned long long)t->start, what, exe);
}

/* Of the rest, which only a `peer` can make PostgreSQL's, not all are kept. */
static void tell_address(void *data, const char *address)
{
	const struct teller *t = data;

	if (address_is_usual(address))
		tell(t, address, false);
	else if (strncmp(address, "tcp:", 4) != 0)
		return;
	else if (count_others(t) < OTHERS)
		tell(t, address, true);
	else
		tell(t, "more", false);
}

void sights_begin_look(struct sights *s)
{
	s->look++;
}

void sights_end_look(struct sights *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].look == s->look)
			s->list[kept++] = s->list[i];
	s->count = kept;
}

void sights_add(struct sights *s, pid_t pid, uint64_t start,
		const struct proc_maps *maps)
{
	struct teller t = { .s = s, .pid = pid, .start = start };

	for (size_t i = 0; i < s->count; i++)
		if (same_process(&s->list[i], &t))
			s->list[i].look = s->look;
	if (maps->readable)
		proc_exe(pid, t.exe, sizeof(t.exe));
	if (!t.exe[0])
		proc_name(pid, t.exe, sizeof(t.exe));
	if (!t.exe[0])
		return;
	tell(&t, "none", false);
	if (maps->libpq)
		tell(&t, "libpq", false);
	sockets_list(pid, tell_address, &t);
}

void sights_release(struct sights *s)
{
	free(s->list);
	*s = (struct sights){ .folder = NULL };
}
