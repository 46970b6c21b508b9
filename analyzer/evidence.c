/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/core_file.h"
#include "analyzer/folder.h"
#include "analyzer/naming.h"

void evidence_init(struct evidence *e, struct arena *arena)
{
	memset(e, 0, sizeof(*e));
	e->arena = arena;
}

void evidence_release(struct evidence *e)
{
	for (size_t i = 0; i < e->record_count; i++)
		reader_free(e->records[i].reader);
	for (size_t i = 0; i < e->core_count; i++)
		reader_free(e->cores[i].reader);
	for (size_t i = 0; i < e->run_count; i++)
		if (e->runs[i].has_log)
			log_release(&e->runs[i].log);
}

size_t evidence_add_run(struct evidence *e)
{
	e->runs = arena_grow(e->arena, e->runs, e->run_count, sizeof(*e->runs));
	memset(&e->runs[e->run_count], 0, sizeof(*e->runs));
	return e->run_count++;
}

struct evidence_record *evidence_add_record(struct evidence *e,
					    struct reader *reader,
					    const char *path, size_t run)
{
	struct evidence_record *new;

	e->records = arena_grow(e->arena, e->records, e->record_count,
				sizeof(*e->records));
	new = &e->records[e->record_count++];
	*new = (struct evidence_record){ .reader = reader,
					 .name = naming_base(path),
					 .run = run };
	return new;
}

static void add_bad(struct evidence *e, const char *name, const char *why)
{
	e->bad = arena_grow(e->arena, e->bad, e->bad_count, sizeof(*e->bad));
	e->bad[e->bad_count++] = arena_printf(e->arena, "%s: %s", name, why);
}

/* Made before it was needed, and it never was. */
static void add_unneeded(struct evidence *e, struct reader *reader)
{
	e->unneeded++;
	reader_free(reader);
}

static void open_in_folder(struct evidence *e, int fd, const char *name,
			   size_t run)
{
	struct reader *reader;
	const char *why;

	if (folder_has_ending(name, RECORD_UNFINISHED))
		e->unfinished++;
	if (!folder_has_ending(name, RECORD_SUFFIX))
		return;
	if (reader_open(fd, name, &reader, &why))
		add_bad(e, name, why);
	else if (reader_header(reader)->flags & RECORD_AHEAD)
		add_unneeded(e, reader);
	else
		evidence_add_record(e, reader, name, run);
}

static void open_log(struct evidence *e, int fd, size_t run)
{
	const char *why;
	int err = log_open(&e->runs[run].log, fd, RECORD_LOG, &why);

	/* Records that were preloaded by hand have no log. */
	if (err && err != -ENOENT)
		add_bad(e, RECORD_LOG, why);
	e->runs[run].has_log = !err;
}

static void read_gaps(struct evidence *e, int fd, size_t run)
{
	static const char magic[] = RECORD_MAGIC;
	struct record_gaps gaps;
	struct input in;

	/* Not every folder has one. */
	if (input_open(&in, fd, RECORD_GAPS))
		return;
	if (input_read(&in, 0, &gaps, sizeof(gaps)) ||
	    memcmp(gaps.magic, magic, sizeof(magic)) != 0 ||
	    gaps.version != RECORD_VERSION)
		add_bad(e, RECORD_GAPS, "it cannot be read");
	else
		for (int i = 0; i < GAP_KINDS; i++)
			e->runs[run].gaps[i] = gaps.count[i];
	input_close(&in);
}

static int add_folder(struct evidence *e, const char *path)
{
	const size_t run = evidence_add_run(e);
	char **names;
	size_t count;
	int fd, err;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = folder_list(path, e->arena, &names, &count);
	if (err)
		goto close_folder;
	e->runs[run].names = names;
	e->runs[run].name_count = count;
	open_log(e, fd, run);
	read_gaps(e, fd, run);
	for (size_t i = 0; i < count; i++)
		open_in_folder(e, fd, names[i], run);
	if (!e->runs[run].has_log && !e->record_count && !e->bad_count &&
	    !e->unfinished && !e->unneeded)
		err = -ENODATA;
close_folder:
	close(fd);
	return err;
}

/* gzip, xz, zstd, lz4: systemd keeps cores so. */
static bool is_compressed(struct input *in)
{
	static const char signs[][4] = { "\x1f\x8b\x08", "\xfd\x37zX",
					 "\x28\xb5\x2f\xfd",
					 "\x04\x22\x4d\x18" };
	char head[4];

	if (input_read(in, 0, head, sizeof(head)))
		return false;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (!memcmp(head, signs[i], i ? 4 : 3))
			return true;
	return false;
}

static int add_single(struct evidence *e, const char *path,
		      const char **ret_error)
{
	struct reader *reader;
	struct input in;
	const char *why;
	int err = input_open(&in, AT_FDCWD, path);

	if (err) {
		why = in.why;
	} else if (core_file_is_elf(&in)) {
		err = evidence_add_core(e, path, &in, ret_error);
		input_close(&in);
		return err;
	} else if (is_compressed(&in)) {
		err = -EINVAL;
		why = "it is compressed: unpack it first (a core that systemd "
		      "keeps: coredumpctl dump PID -o core)";
		input_close(&in);
	} else {
		err = reader_open_input(&in, &reader, &why);
		input_close(&in);
	}
	if (err)
		*ret_error = arena_printf(e->arena, "%s: %s", path, why);
	else
		evidence_add_record(e, reader, path, evidence_add_run(e));
	return err;
}

int evidence_add(struct evidence *e, const char *path, const char **ret_error)
{
	struct stat about;
	int err;

	if (stat(path, &about)) {
		err = -errno;
		*ret_error =
			arena_printf(e->arena, "%s: %s", path, strerror(-err));
		return err;
	}
	if (!S_ISDIR(about.st_mode))
		return add_single(e, path, ret_error);
	err = add_folder(e, path);
	if (err == -ENODATA)
		*ret_error = arena_printf(
			e->arena,
			"%s: no run of connleak: there is neither a %s nor a "
			"record in it",
			path, RECORD_LOG);
	else if (err)
		*ret_error =
			arena_printf(e->arena, "%s: %s", path, strerror(-err));
	return err;
}
