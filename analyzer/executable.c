/* SPDX-License-Identifier: MIT */
#include "analyzer/executable.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "analyzer/closure.h"
#include "analyzer/debugfile.h"
#include "analyzer/elf_file.h"
#include "analyzer/elf_names.h"
#include "analyzer/naming.h"

#define HEAD_SIZE    256 /* what the kernel reads of a file */
#define INTERPRETERS 5	 /* of interpreters; the kernel follows no more */
#define WRAPPER	     "pg_wrapper"
#define GLIBC_LOADER "ld-linux-x86-64.so"

/* How the names of those begin that refuse to start unless they come first. */
static const char *const runtimes[] = {
	"libasan.so",	    "libtsan.so",	  "liblsan.so",
	"libhwasan.so",	    "libclang_rt.asan",	  "libclang_rt.tsan",
	"libclang_rt.lsan", "libclang_rt.hwasan",
};

static const char *const functions[] = { "PQconnectStart", "PQfinish", NULL };

/*
 * What every libpq since 12 asks the environment for, knows, and says.  Other
 * libraries that speak its protocol know some of it, none all.
 */
static const char *const texts[] = {
	"PGREQUIREPEER",
	"PGGSSENCMODE",
	"PGSYSCONFDIR",
	"PGSERVICEFILE",
	"fallback_application_name",
	"invalid connection option",
	NULL,
};

static bool begins_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static const char *resolve(struct arena *arena, const char *path)
{
	char *real = realpath(path, NULL);
	const char *copy = real ? arena_strdup(arena, real) : NULL;

	free(real);
	return copy;
}

/* Asked before it is opened: a pipe or a device would do something. */
static bool may_be_executed(const char *path)
{
	struct stat about;

	return !stat(path, &about) && S_ISREG(about.st_mode) &&
	       !faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

static size_t read_head(const char *path, char *head)
{
	const int fd = regular_open(path);
	ssize_t got;

	memset(head, 0, HEAD_SIZE + 1);
	if (fd < 0)
		return 0;
	got = pread(fd, head, HEAD_SIZE, 0);
	close(fd);
	return got > 0 ? (size_t)got : 0;
}

/* "#! INTERPRETER ARGUMENT"; false if there is no interpreter. */
static bool read_script(struct executable *x, struct arena *arena, char *head)
{
	char *name = head + 2 + strspn(head + 2, " \t"), *rest;
	size_t length;

	name[strcspn(name, "\n")] = 0;
	length = strcspn(name, " \t");
	rest = name + length + strspn(name + length, " \t");
	if (!length)
		return false;
	if (!x->script)
		x->script = x->file;
	x->argument = *rest ? arena_strdup(arena, rest) : NULL;
	name[length] = 0;
	x->file = resolve(arena, name);
	return x->file && may_be_executed(x->file);
}

/* Goes from scripts to what reads them; `file` is NULL if there is none. */
static bool find_file(struct executable *x, struct arena *arena)
{
	char head[HEAD_SIZE + 1];

	for (int i = 0; i <= INTERPRETERS; i++) {
		read_head(x->file, head);
		if (!begins_with(head, "#!"))
			return true;
		x->wrapper |= !strcmp(naming_base(x->file), WRAPPER);
		if (!read_script(x, arena, head))
			return false;
	}
	return false;
}

static const char *find_runtime(const struct elf_file *f)
{
	const char *name;

	for (size_t n = 0; (name = elf_file_dynamic(f, DT_NEEDED, n)); n++)
		for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes);
		     i++)
			if (begins_with(naming_base(name), runtimes[i]))
				return name;
	return NULL;
}

static enum executable_kind kind_of(const struct executable *x,
				    const struct elf_file *f)
{
	const unsigned char *ident = f->header.e_ident;

	if (f->header.e_type != ET_EXEC && f->header.e_type != ET_DYN)
		return EXECUTABLE_UNUSABLE;
	if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB ||
	    f->header.e_machine != EM_X86_64)
		return EXECUTABLE_MACHINE;
	/* The loader that was itself told what to run has none. */
	if (begins_with(naming_base(x->loader ? x->loader : x->file),
			GLIBC_LOADER))
		return EXECUTABLE_DYNAMIC;
	return x->loader ? EXECUTABLE_LOADER : EXECUTABLE_STATIC;
}

/* What a mount or our own parent has forbidden has no effect. */
static bool gives_rights(const char *path)
{
	struct statvfs about;

	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 &&
	       (statvfs(path, &about) || !(about.f_flag & ST_NOSUID));
}

/* By which the loader ignores preloads; for us, not for another user. */
static const char *find_privilege(const char *path)
{
	const mode_t setgid = S_ISGID | S_IXGRP;
	struct stat about;

	if (stat(path, &about) || !gives_rights(path))
		return NULL;
	if (about.st_mode & S_ISUID && about.st_uid != getuid())
		return "setuid";
	if ((about.st_mode & setgid) == setgid && about.st_gid != getgid())
		return "setgid";
	if (getuid() && getxattr(path, "security.capability", NULL, 0) > 0)
		return "capabilities";
	return NULL;
}

/* What may be executed and not read: its rights are all that is known. */
static void look_at_elf(struct executable *x, struct arena *arena)
{
	struct elf_file f;
	int err;

	x->privilege = find_privilege(x->file);
	err = elf_file_open(&f, arena, x->file);
	if (err) {
		x->kind = access(x->file, R_OK) ? EXECUTABLE_DYNAMIC
						: EXECUTABLE_UNUSABLE;
		return;
	}
	x->loader = elf_file_loader(&f, arena);
	x->kind = kind_of(x, &f);
	x->runtime = find_runtime(&f);
	elf_file_close(&f);
}

void executable_look(struct executable *x, struct arena *arena,
		     const char *path)
{
	*x = (struct executable){ .path = path, .kind = EXECUTABLE_MISSING };
	x->file = resolve(arena, path);
	if (!x->file)
		return;
	x->kind = EXECUTABLE_UNUSABLE;
	if (may_be_executed(x->file) && find_file(x, arena))
		look_at_elf(x, arena);
}

static enum executable_libpq find_linked_in(const char *path,
					    struct arena *arena)
{
	enum executable_libpq libpq = LIBPQ_NONE;
	struct elf_file f;

	if (elf_file_open(&f, arena, path))
		return libpq;
	if (elf_names_defines(&f, functions))
		libpq = LIBPQ_STATIC;
	else if (elf_names_is_stripped(&f) && elf_file_contains(&f, texts))
		libpq = LIBPQ_STRIPPED;
	elf_file_close(&f);
	return libpq;
}

void executable_find_libpq(struct executable *x, struct arena *arena)
{
	struct closure closure;

	if (x->searched || x->kind == EXECUTABLE_MISSING ||
	    x->kind == EXECUTABLE_UNUSABLE)
		return;
	x->searched = true;
	closure_find(&closure, arena, x->file);
	x->missing = closure.missing;
	if (closure.has_libpq) {
		x->libpq = LIBPQ_LINKED;
		x->library = closure.libpq;
		x->through = closure.through;
	} else {
		x->libpq = find_linked_in(x->file, arena);
	}
}

bool executable_can_preload(const struct executable *x)
{
	return x->kind == EXECUTABLE_DYNAMIC && !x->privilege;
}
