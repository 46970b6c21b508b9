/* SPDX-License-Identifier: MIT */
#include "preload/servers.h"

#include <stdbool.h>
#include <string.h>

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

static uint32_t store(struct writer *record, const struct server_name *name)
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
	writer_publish(record, RECORD_SERVERS, number, 1);
	return number;
}

uint32_t servers_number(struct writer *record, const struct server_name *name)
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
	HASH_FIND_BYHASHVALUE(hh, by_hash, &hash, sizeof(hash), (unsigned)hash,
			      entry);
	if (entry)
		return entry->number;
	number = store(record, &safe);
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

void servers_forget(void)
{
	by_hash = NULL;
}
