/* SPDX-License-Identifier: MIT */
#include "preload/finished.h"

#include <string.h>

#include "preload/hash.h"

#define PLACES 1024u

/* Each in the place of its hash, until another one needs that; 0: nobody's. */
static struct {
	struct place {
		uint64_t key;
		uint32_t site;
	} places[PLACES];
	bool used;
} finished;

static struct place *place_of(uint64_t key)
{
	return &finished.places[hash_word(HASH_SEED, key) % PLACES];
}

void finished_add(uint64_t key, uint32_t site)
{
	struct place *place = place_of(key);

	place->key = key;
	place->site = site;
	finished.used = true;
}

void finished_remove(uint64_t key)
{
	struct place *place = place_of(key);

	if (place->key == key)
		place->key = 0;
}

bool finished_find(uint64_t key, uint32_t *ret_site)
{
	const struct place *place = place_of(key);

	*ret_site = place->site;
	return place->key == key;
}

/* Most have finished nothing: no page is copied for them. */
void finished_forget(void)
{
	if (finished.used)
		memset(&finished, 0, sizeof(finished));
}
