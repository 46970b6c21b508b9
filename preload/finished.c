/* SPDX-License-Identifier: MIT */
#include "preload/finished.h"

#include <string.h>

#include "preload/hash.h"

#define PLACES 1024u

/* Each in the place of its hash, until another one needs that; 0: nobody's. */
static struct {
	struct place {
		uint64_t key;
		struct handle_owner owner;
	} places[PLACES];
	bool used;
} finished;

static struct place *place_of(uint64_t key)
{
	return &finished.places[hash_word(HASH_SEED, key) % PLACES];
}

void finished_add(uint64_t key, const struct handle_owner *owner)
{
	struct place *place = place_of(key);

	place->key = key;
	place->owner = *owner;
	finished.used = true;
}

void finished_remove(uint64_t key)
{
	struct place *place = place_of(key);

	if (place->key == key)
		place->key = 0;
}

const struct handle_owner *finished_find(uint64_t key)
{
	const struct place *place = place_of(key);

	return place->key == key ? &place->owner : NULL;
}

/* Most have finished nothing: no page is copied for them. */
void finished_forget(void)
{
	if (finished.used)
		memset(&finished, 0, sizeof(finished));
}
