/* SPDX-License-Identifier: MIT */
#include "tests/fuzz.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Knows under a sanitizer what mallinfo2() cannot know there. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

volatile uint32_t *fuzz_current;

static void map_current(void)
{
	fuzz_current = mmap(NULL, sizeof(*fuzz_current), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fuzz_current == MAP_FAILED)
		abort();
}

static void tell_current(void)
{
	if (*fuzz_current)
		fprintf(stderr, "fuzz: mutation %u was the last\n",
			*fuzz_current);
	munmap((void *)fuzz_current, sizeof(*fuzz_current));
}

static uint64_t random_state;

static void random_seed(uint32_t seed)
{
	random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* xorshift: the same everywhere, unlike rand(). */
static uint32_t random_below(size_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 16) % limit);
}

/* Numbers that break sums, products and comparisons. */
static uint32_t nasty_number(size_t size)
{
	const uint32_t numbers[] = {
		0,
		1,
		2,
		UINT32_MAX,
		UINT32_MAX - 1,
		INT32_MAX,
		(uint32_t)INT32_MAX + 1,
		UINT16_MAX,
		65536,
		4096,
		(uint32_t)size,
		(uint32_t)size - 1,
		(uint32_t)size / 2,
		random_below(size),
		random_below(64),
	};

	return numbers[random_below(sizeof(numbers) / sizeof(numbers[0]))];
}

/* Most of what is checked lies in the first bytes, so most damage does. */
static size_t random_place(size_t size, size_t width, size_t head)
{
	const size_t limit = random_below(4) && head < size ? head : size;

	if (limit <= width)
		return 0;
	return random_below(limit - width);
}

static void damage(unsigned char *bytes, size_t *size, size_t head)
{
	const size_t at = random_place(*size, 64, head);
	uint32_t word = nasty_number(*size);

	if (*size < 128)
		return;
	switch (random_below(6)) {
	case 0:
		bytes[at] ^= (unsigned char)(1u << random_below(8));
		break;
	case 1:
		bytes[at] = (unsigned char)random_below(256);
		break;
	case 2:
		memcpy(bytes + at / 4 * 4, &word, sizeof(word));
		break;
	case 3:
		memcpy(bytes + at / 2 * 2, &word, sizeof(uint16_t));
		break;
	case 4: /* splice */
		memmove(bytes + at, bytes + random_place(*size, 64, head),
			1 + random_below(64));
		break;
	default:
		if (random_below(8) == 0)
			*size = 1 + random_below(*size);
	}
}

/* A copy of exactly its size, so that a byte too far is seen. */
unsigned char *fuzz_mutate(const void *from, size_t *size, uint32_t seed,
			   size_t head)
{
	unsigned char *bytes = malloc(*size);
	const size_t whole = *size;

	ck_assert_ptr_nonnull(bytes);
	memcpy(bytes, from, whole);
	random_seed(seed);
	for (uint32_t n = 1 + random_below(4); n; n--)
		damage(bytes, size, head);
	return *size < whole ? realloc(bytes, *size) : bytes;
}

size_t fuzz_heap(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

uint32_t fuzz_times(uint32_t count)
{
	const char *factor = getenv("FUZZ_TIMES");

	return count * (factor ? (uint32_t)atoi(factor) : 1);
}

/* Neither would test much: that all are refused, or none. */
void fuzz_expect_both(uint32_t opened, uint32_t count)
{
	ck_assert_msg(opened > count / 20 && opened < count / 20 * 19,
		      "%u of %u mutations were opened", opened, count);
}

/* One test each: the next one would begin to count anew. */
void fuzz_add_case(Suite *suite, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);

	tcase_add_unchecked_fixture(tc, map_current, tell_current);
	tcase_set_timeout(tc, 120.0 * fuzz_times(1));
	tcase_add_test(tc, test);
	suite_add_tcase(suite, tc);
}
