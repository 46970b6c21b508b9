/* SPDX-License-Identifier: MIT */
#include "preload/bounds.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "record/format.h"

/* A word of a connection string, and how what it means is written. */
struct word {
	const char *at, *end;
	enum { AS_IT_IS, BACKSLASHES, PERCENTS } way;
};

/* What was said of the keywords that we look at; the last one counts. */
struct said {
	bool service; /* one is named: its file may say more */
	bool timeout; /* connect_timeout is given ... */
	bool known;   /* ... as a number: */
	uint32_t seconds;
	bool broken;  /* libpq will not take it */
	bool unheard; /* nor this, unless it is newer: a keyword is unknown */
};

static bool is_blank(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int digit_of(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

/* The next character that it means; 0 at its end, or where it is broken. */
static int next(struct word *w)
{
	int c = w->at < w->end ? (unsigned char)*w->at++ : 0;

	if (c == '\\' && w->way == BACKSLASHES)
		return w->at < w->end ? (unsigned char)*w->at++ : 0;
	if (c != '%' || w->way != PERCENTS)
		return c;
	if (w->end - w->at < 2 || digit_of(w->at[0]) < 0 ||
	    digit_of(w->at[1]) < 0)
		return 0;
	c = digit_of(w->at[0]) * 16 + digit_of(w->at[1]);
	w->at += 2;
	return c;
}

static bool means(struct word w, const char *text)
{
	while (*text)
		if (next(&w) != *text++)
			return false;
	return w.at == w.end;
}

static int next_visible(struct word *w)
{
	int c = next(w);

	while (is_blank(c))
		c = next(w);
	return c;
}

/* As libpq does: a number with blanks around it; one below 0 is 0. */
static bool read_seconds(struct word w, uint32_t *ret)
{
	int c = next_visible(&w);
	const bool negative = c == '-';
	uint64_t value = 0;

	if (c == '-' || c == '+')
		c = next(&w);
	if (c < '0' || c > '9')
		return false;
	for (; c >= '0' && c <= '9' && value <= INT32_MAX; c = next(&w))
		value = 10 * value + (uint64_t)(c - '0');
	*ret = negative ? 0 : (uint32_t)value;
	return (!c || (is_blank(c) && !next_visible(&w))) && w.at == w.end &&
	       value <= INT32_MAX;
}

static bool is_keyword(struct word key)
{
	static const char *const keywords[] = {
#define KEYWORD(name) #name,
#include "preload/conninfo.def"
	};

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (means(key, keywords[i]))
			return true;
	return false;
}

static void say(struct said *said, struct word key, struct word value)
{
	said->unheard |= !is_keyword(key);
	if (means(key, "service")) {
		said->service = true;
	} else if (means(key, "connect_timeout")) {
		said->timeout = true;
		said->known = read_seconds(value, &said->seconds);
	}
}

static const char *skip_blanks(const char *at)
{
	while (is_blank(*at))
		at++;
	return at;
}

/* Behind a value, which may stand in quotes; NULL if they do not end. */
static const char *take_value(const char *at, struct word *ret)
{
	const bool quoted = *at == '\'';

	at += quoted;
	*ret = (struct word){ .at = at, .way = BACKSLASHES };
	while (*at && (quoted ? *at != '\'' : !is_blank(*at)))
		at += at[0] == '\\' && at[1] ? 2 : 1;
	ret->end = at;
	if (quoted && !*at)
		return NULL;
	return at + quoted;
}

/* "host=db1 connect_timeout = '10'" */
static void read_pairs(struct said *said, const char *at)
{
	while (at && *(at = skip_blanks(at))) {
		struct word key = { .at = at }, value;

		while (*at && *at != '=' && !is_blank(*at))
			at++;
		key.end = at;
		at = skip_blanks(at);
		at = *at == '=' ? take_value(skip_blanks(at + 1), &value)
				: NULL;
		if (at)
			say(said, key, value);
	}
	said->broken |= !at;
}

/* "host=db1&connect_timeout=10", behind the question mark */
static void read_query(struct said *said, const char *at)
{
	while (*at) {
		const char *const end = at + strcspn(at, "&");
		const char *const equal = memchr(at, '=', (size_t)(end - at));
		struct word key = { at, equal, PERCENTS }, value;

		if (!equal) {
			said->broken = true;
			return;
		}
		value = (struct word){ equal + 1, end, PERCENTS };
		say(said, key, value);
		at = *end ? end + 1 : end;
	}
}

static const char *skip_scheme(const char *text)
{
	static const char *const schemes[] = { "postgresql://", "postgres://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (!strncmp(text, schemes[i], strlen(schemes[i])))
			return text + strlen(schemes[i]);
	return NULL;
}

/* Behind "host:port,[::1]:port". */
static const char *skip_hosts(const char *at)
{
	for (;; at++) {
		if (*at == '[')
			at += strcspn(at, "]");
		at += strcspn(at, "/?,");
		if (*at != ',')
			return at;
	}
}

/*
 * "user:password@host:port/dbname?connect_timeout=10", behind the scheme.  A
 * question mark in the password is none.
 */
static void read_uri(struct said *said, const char *at)
{
	const char *const user_end = at + strcspn(at, "@/");

	if (*user_end == '@')
		at = user_end + 1;
	at = skip_hosts(at);
	at += strcspn(at, "?");
	if (*at)
		read_query(said, at + 1);
}

static void read_string(struct said *said, const char *text)
{
	const char *const behind = skip_scheme(text);

	if (behind)
		read_uri(said, behind);
	else
		read_pairs(said, text);
}

/* What libpq takes for more than the name of a database. */
static bool is_string(const char *dbname)
{
	return skip_scheme(dbname) || strchr(dbname, '=');
}

/*
 * What is not said, a service file says; and what that does not, the
 * environment.  libpq looks into it thirty times in this very call.
 */
static void conclude(struct bounds *b, const struct said *said)
{
	struct said last = *said;
	const char *text;

	if (last.broken ||
	    (!last.timeout && (last.service || getenv("PGSERVICE"))))
		return;
	text = last.timeout ? NULL : getenv("PGCONNECT_TIMEOUT");
	if (text)
		last.known = read_seconds(
			(struct word){ text, text + strlen(text), AS_IT_IS },
			&last.seconds);
	else if (!last.timeout)
		last.known = true; /* as none: 0 */
	if (!last.known)
		return;
	b->flags |= SERVER_TIMEOUT;
	b->connect_timeout_s = last.seconds;
}

void bounds_by_string(struct bounds *b, const char *info)
{
	struct said said = { 0 };

	if (!info)
		return;
	read_string(&said, info);
	conclude(b, &said);
}

static void say_pair(struct said *said, const char *key, const char *value)
{
	say(said, (struct word){ key, key + strlen(key), AS_IT_IS },
	    (struct word){ value, value + strlen(value), AS_IT_IS });
}

/*
 * The first name of a database may be a whole string, in its place.  Where
 * libpq gives up, it has not looked whether the arrays go on, nor whether they
 * end.
 */
void bounds_by_arrays(struct bounds *b, const char *const *keys,
		      const char *const *values, bool expands)
{
	struct said said = { 0 };

	if (!keys || !values)
		return;
	for (; !said.broken && !said.unheard && *keys; keys++, values++) {
		const bool named = *values && !strcmp(*keys, "dbname");

		if (named && expands && is_string(*values))
			read_string(&said, *values);
		else if (*values && **values)
			say_pair(&said, *keys, *values);
		expands = expands && !named;
	}
	said.broken |= said.unheard;
	conclude(b, &said);
}

void bounds_by_name(struct bounds *b, const char *dbname)
{
	struct said said = { 0 };

	if (dbname && is_string(dbname))
		read_string(&said, dbname);
	conclude(b, &said);
}

void bounds_by_program(struct bounds *b)
{
	b->flags |= SERVER_ASYNC;
}

static int option_of(int fd, int level, int option)
{
	socklen_t size = sizeof(int);
	int value = 0;

	return getsockopt(fd, level, option, &value, &size) || value < 0
		       ? 0
		       : value;
}

/* A host is a folder, or an abstract socket; else it is somewhere else. */
static unsigned way_to(const char *host)
{
	if (!host || !*host)
		return 0;
	return *host == '/' || *host == '@' ? SERVER_UNIX : SERVER_TCP;
}

void bounds_of_socket(struct bounds *b, int fd, const char *host)
{
	const int domain =
		fd < 0 ? AF_UNSPEC : option_of(fd, SOL_SOCKET, SO_DOMAIN);
	int idle_s;

	if (domain != AF_INET && domain != AF_INET6) {
		b->flags |= domain == AF_UNIX ? SERVER_UNIX : way_to(host);
		return;
	}
	b->flags |= SERVER_TCP | SERVER_SOCKET;
	b->user_timeout_ms =
		(uint32_t)option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT);
	if (!option_of(fd, SOL_SOCKET, SO_KEEPALIVE))
		return;
	idle_s = option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE);
	b->flags |= SERVER_KEEPALIVE;
	b->keepalive_s = (uint16_t)(idle_s < UINT16_MAX ? idle_s : UINT16_MAX);
}

bool bounds_are_missing(const struct bounds *b)
{
	return b->flags & SERVER_TCP && b->flags & SERVER_TIMEOUT &&
	       !b->connect_timeout_s;
}
