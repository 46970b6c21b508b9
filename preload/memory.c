/* SPDX-License-Identifier: MIT */
/*
 * Sizes are rounded up to powers of two, each with a list of pieces that were
 * given back; large ones are mapped alone.
 */
#include "preload/memory.h"

#include <string.h>
#include <sys/mman.h>

#define SMALLEST 5u  /* 32 bytes */
#define LARGEST	 16u /* 64 KiB; above it, a mapping of its own */
#define CHUNK	 (256u * 1024u)

struct piece {
	struct piece *next;
};

/* Guarded by whatever lock the callers hold. */
static struct {
	struct piece *given[LARGEST + 1];
	char *chunk;
	size_t left;
} memory;

void *memory_map(size_t size)
{
	void *new = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return new == MAP_FAILED ? NULL : new;
}

void memory_unmap(void *mapped, size_t size)
{
	munmap(mapped, size);
}

static unsigned power_of(size_t size)
{
	unsigned power = SMALLEST;

	while ((size_t)1 << power < size)
		power++;
	return power;
}

static void *cut_from_chunk(size_t size)
{
	void *cut;

	if (memory.left < size) {
		char *chunk = memory_map(CHUNK);

		if (!chunk)
			return NULL;
		memory.chunk = chunk;
		memory.left = CHUNK;
	}
	cut = memory.chunk;
	memory.chunk += size;
	memory.left -= size;
	return cut;
}

void *memory_take(size_t size)
{
	unsigned power = power_of(size);
	struct piece *piece;

	if (power > LARGEST)
		return memory_map(size);
	piece = memory.given[power];
	if (!piece)
		return cut_from_chunk((size_t)1 << power);
	memory.given[power] = piece->next;
	return piece;
}

void memory_give(void *taken, size_t size)
{
	unsigned power = power_of(size);
	struct piece *piece = taken;

	if (power > LARGEST) {
		memory_unmap(taken, size);
		return;
	}
	piece->next = memory.given[power];
	memory.given[power] = piece;
}

void memory_forget(void)
{
	memset(&memory, 0, sizeof(memory));
}
