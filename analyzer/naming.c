/* SPDX-License-Identifier: MIT */
#include "analyzer/naming.h"

#include <fnmatch.h>
#include <string.h>

enum belongs { USER, OWN, RUNTIME, INTERPRETER, WRAPPER };

static const struct library {
	enum belongs belongs;
	const char *pattern;
} libraries[] = {
#define LIBRARY(belongs, pattern) { belongs, pattern },
#include "analyzer/libraries.def"
};

const char *naming_base(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

static enum belongs owner(const struct report_frame *frame)
{
	const char *name = naming_base(frame->module);

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		if (!fnmatch(libraries[i].pattern, name, 0))
			return libraries[i].belongs;
	return USER;
}

bool naming_is_own(const struct report_frame *frame)
{
	return owner(frame) == OWN;
}

bool naming_is_runtime(const struct report_frame *frame)
{
	return owner(frame) == RUNTIME;
}

static bool is_users(const struct report_frame *frame)
{
	const char *file = frame->file ? frame->file : "";

	return owner(frame) == USER && !frame->pools &&
	       strncmp(file, "/usr/include/", 13) &&
	       strncmp(file, "/usr/lib/", 9);
}

bool naming_has_users(const struct report_stack *stack)
{
	const size_t site = naming_site(stack);

	return site < stack->count && is_users(&stack->frames[site]);
}

size_t naming_site(const struct report_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		if (is_users(&stack->frames[i]))
			return i;
	for (size_t i = 0; i < stack->count; i++)
		if (!naming_is_own(&stack->frames[i]))
			return i;
	return 0;
}

static uint64_t mix(uint64_t hash, const char *text)
{
	/* FNV-1a, with the terminator, so that "ab","c" is not "a","bc". */
	do {
		hash ^= (unsigned char)*text;
		hash *= 0x100000001b3u;
	} while (*text++);
	return hash;
}

const char *naming_fingerprint(struct arena *arena, const char *kind,
			       const struct report_stack *stack)
{
	uint64_t hash = mix(0xcbf29ce484222325u, kind);

	for (size_t i = 0; i < stack->count; i++) {
		const struct report_frame *frame = &stack->frames[i];

		/* How the runtime calls main changes with its version. */
		if (naming_is_runtime(frame) || naming_is_own(frame))
			continue;
		hash = mix(hash, frame->function ? frame->function : "");
		hash = mix(hash, naming_base(frame->module));
	}
	return arena_printf(arena, "%016llx", (unsigned long long)hash);
}

const char *naming_numbered(struct arena *arena, const char *fingerprint,
			    unsigned n)
{
	const uint64_t hash = mix(mix(0xcbf29ce484222325u, fingerprint),
				  arena_printf(arena, "%u", n));

	return arena_printf(arena, "%016llx", (unsigned long long)hash);
}
