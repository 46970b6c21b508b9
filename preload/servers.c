/* SPDX-License-Identifier: MIT */
#include "preload/servers.h"

#include <stdbool.h>
#include <string.h>

#include "preload/counters.h"
#include "preload/hash.h"
#include "preload/recording.h"

struct server {
	uint64_t hash;
	uint32_t number;
	UT_hash_handle hh;
};

static struct server *by_hash; /* guarded by recording_lock() */

static const char *without_secrets(const char *text)
{
	if (!text)
		return "";
	return strstr(text, "://") || strchr(text, '=') ? "(conninfo)" : text;
}

static uint32_t store(struct writer *record, const struct server_name *name,
		      const struct bounds *bounds)
{
	uint32_t number = writer_reserve(record, RECORD_SERVERS, 1);
	struct record_server *server;

	if (number == RECORD_NONE)
		return RECORD_NONE;
	server = writer_at(record, RECORD_SERVERS, number);
	server->host = writer_string(record, name->host);
	server->port = writer_string(record, name->port);
	server->dbname = writer_string(record, name->dbname);
	server->user = writer_string(record, name->user);
	if (!server->host || !server->port || !server->dbname || !server->user)
		return RECORD_NONE;
	server->flags = bounds->flags;
	server->keepalive_s = bounds->keepalive_s;
	server->connect_timeout_s = bounds->connect_timeout_s;
	server->user_timeout_ms = bounds->user_timeout_ms;
	writer_publish(record, RECORD_SERVERS, number, 1);
	return number;
}

static uint64_t hash_bounds(uint64_t hash, const struct bounds *bounds)
{
	hash = hash_word(hash, bounds->flags);
	hash = hash_word(hash, bounds->keepalive_s);
	hash = hash_word(hash, bounds->connect_timeout_s);
	return hash_word(hash, bounds->user_timeout_ms);
}

uint32_t servers_number(struct writer *record, const struct server_name *name,
			const struct bounds *bounds)
{
	const struct server_name safe = {
		.host = without_secrets(name->host),
		.port = without_secrets(name->port),
		.dbname = without_secrets(name->dbname),
		.user = without_secrets(name->user),
	};
	struct server *entry;
	uint64_t hash;
	uint32_t number;

	hash = hash_text(HASH_SEED, safe.host);
	hash = hash_text(hash, safe.port);
	hash = hash_text(hash, safe.dbname);
	hash = hash_text(hash, safe.user);
	hash = hash_bounds(hash, bounds);
	HASH_FIND_BYHASHVALUE(hh, by_hash, &hash, sizeof(hash), (unsigned)hash,
			      entry);
	if (entry)
		return entry->number;
	number = store(record, &safe, bounds);
	if (number == RECORD_NONE) {
		recording_lost(record, LOSS_SERVER);
		return RECORD_NONE;
	}
	entry = memory_take(sizeof(*entry));
	if (entry) {
		entry->hash = hash;
		entry->number = number;
		HASH_ADD_BYHASHVALUE(hh, by_hash, hash, sizeof(hash),
				     (unsigned)hash, entry);
	}
	return number;
}

void servers_opened(struct writer *record, uint32_t number)
{
	struct record_server *server;

	if (number == RECORD_NONE)
		return;
	server = writer_at(record, RECORD_SERVERS, number);
	counter_add32(&server->opened, 1);
}

void servers_forget(void)
{
	by_hash = NULL;
}
