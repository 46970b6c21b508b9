/* SPDX-License-Identifier: MIT */
/*
 * host STEP... - a program that is nothing but what it loads, step by step:
 *
 *	load:PART:FILE[:FLAG,...]	dlopen; now, lazy, global, deep, noload
 *	unload:PART			dlclose
 *	do:PART:WHAT			calls its act(WHAT) (plugin.c)
 *	thread:PART:WHAT		the same, in a thread that is waited for
 *	sym:PART:NAME			where dlsym finds NAME
 *	vsym:PART:NAME:VERSION		where dlvsym does
 *	block				takes the place of what was unloaded
 *	mapped				the base names of all libpqs in memory
 *
 * A PART is one letter, or what needs no loading: `program` (dlopen(NULL)),
 * `default` and `next`; or `registered`, which made itself known by calling
 * register_act when it was loaded.  Each step says what came of it, dlerror and
 *errno with it, in words that are the same at every run.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define UNTOUCHED 77 /* an errno that nobody sets */
#define PLACES	  64

static void *loaded[256];

/* Where libpqs and parts began when something was unloaded. */
static void *places[PLACES];
static int place_count;

static const struct {
	const char *name;
	int flag;
} flags[] = {
	{ "now", RTLD_NOW },	   { "lazy", RTLD_LAZY },
	{ "global", RTLD_GLOBAL }, { "deep", RTLD_DEEPBIND },
	{ "noload", RTLD_NOLOAD },
};

/* What was asked for must be there: a part that did nothing proves nothing. */
static void give_up(const char *why)
{
	printf("host: %s\n", why);
	exit(9);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int flags_of(const char *words)
{
	int all = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strstr(words, flags[i].name))
			all |= flags[i].flag;
	return all & (RTLD_NOW | RTLD_LAZY) ? all : all | RTLD_NOW;
}

static void *handle_of(const char *part)
{
	if (!strcmp(part, "default"))
		return RTLD_DEFAULT;
	if (!strcmp(part, "next"))
		return RTLD_NEXT;
	if (!strcmp(part, "program"))
		return dlopen(NULL, RTLD_NOW);
	return loaded[(unsigned char)*part];
}

static void say_error(const char *step)
{
	const char *error = dlerror();

	printf("%s: %s, errno %d\n", step, error ? error : "no error", errno);
}

static void load(const char *part, const char *file, const char *words)
{
	void *handle;

	errno = UNTOUCHED;
	handle = dlopen(file, flags_of(words));
	loaded[(unsigned char)*part] = handle;
	say_error("load");
}

/* An address as its object's base name and the offset in it. */
struct where {
	uintptr_t address;
	char text[256];
};

static int look_in(struct dl_phdr_info *object, size_t size, void *data)
{
	struct where *where = data;

	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];
		uintptr_t start = object->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD || where->address < start ||
		    where->address >= start + header->p_memsz)
			continue;
		snprintf(where->text, sizeof(where->text), "%s+0x%lx",
			 base_name(object->dlpi_name),
			 (unsigned long)(where->address - object->dlpi_addr));
		return 1;
	}
	return 0;
}

static void say_symbol(const char *name, void *found)
{
	struct where where = { .address = (uintptr_t)found };

	dl_iterate_phdr(look_in, &where);
	printf("%s at %s, ", name,
	       !found	       ? "nothing"
	       : where.text[0] ? where.text
			       : "a place of its own");
	say_error("sym");
}

static void symbol(const char *part, const char *name, const char *version)
{
	void *handle = handle_of(part);

	errno = UNTOUCHED;
	say_symbol(name, *version ? dlvsym(handle, name, version)
				  : dlsym(handle, name));
}

struct act {
	int (*go)(const char *what);
	const char *what;
};

static void *act(void *data)
{
	const struct act *act = data;

	if (!act->go(act->what))
		give_up("no such act");
	return NULL;
}

static int (*registered)(const char *what);

void register_act(int (*go)(const char *what));

void register_act(int (*go)(const char *what))
{
	registered = go;
}

static void run(const char *part, const char *what, int in_thread)
{
	struct act how = { .what = what };
	pthread_t thread;

	if (!strcmp(part, "registered"))
		how.go = registered;
	else
		*(void **)&how.go = dlsym(handle_of(part), "act");
	if (!how.go)
		give_up("no act");
	if (!in_thread) {
		act(&how);
		return;
	}
	pthread_create(&thread, NULL, act, &how);
	pthread_join(thread, NULL);
}

/* Calls back with the path and the start of each mapping that has a path. */
static void each_mapping(void (*see)(const char *path, void *start))
{
	char line[4096];
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps && fgets(line, sizeof(line), maps)) {
		char *path = strchr(line, '/');

		line[strcspn(line, "\n")] = 0;
		if (path)
			see(path, (void *)strtoul(line, NULL, 16));
	}
	if (maps)
		fclose(maps);
}

static int is_libpq(const char *path)
{
	return !strncmp(base_name(path), "libpq", 5);
}

static void remember(const char *path, void *start)
{
	if (is_libpq(path) && place_count < PLACES)
		places[place_count++] = start;
}

static void unload(const char *part)
{
	void **handle = &loaded[(unsigned char)*part];

	each_mapping(remember);
	errno = UNTOUCHED;
	if (!*handle || dlclose(*handle))
		give_up("cannot unload");
	*handle = NULL;
	say_error("unload");
}

/* What is still there stays: then the page is refused. */
static void block(void)
{
	for (int i = 0; i < place_count; i++)
		mmap(places[i], 1, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	place_count = 0;
}

static char before[256]; /* what has been said last */

static void say_mapping(const char *path, void *start)
{
	(void)start;
	if (!is_libpq(path) || !strcmp(before, base_name(path)))
		return;
	snprintf(before, sizeof(before), "%s", base_name(path));
	printf("mapped: %s\n", before);
}

static void mapped(void)
{
	before[0] = 0;
	each_mapping(say_mapping);
}

static void step(char *text)
{
	char *word[4] = { "", "", "", "" };

	for (int i = 0; i < 4 && text; i++)
		word[i] = strsep(&text, ":");
	if (!strcmp(word[0], "load"))
		load(word[1], word[2], word[3]);
	else if (!strcmp(word[0], "unload"))
		unload(word[1]);
	else if (!strcmp(word[0], "do"))
		run(word[1], word[2], 0);
	else if (!strcmp(word[0], "thread"))
		run(word[1], word[2], 1);
	else if (!strcmp(word[0], "sym") || !strcmp(word[0], "vsym"))
		symbol(word[1], word[2], word[3]);
	else if (!strcmp(word[0], "block"))
		block();
	else if (!strcmp(word[0], "mapped"))
		mapped();
	else
		give_up(word[0]);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		step(argv[i]);
	return 0;
}
