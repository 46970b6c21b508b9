/* SPDX-License-Identifier: MIT */
/*
 * The notes say who died and what was mapped where, the segments what of it is
 * in the core.
 */
#include "analyzer/core.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#include "analyzer/core_file.h"
#include "analyzer/naming.h"
#include "record/format.h"

/* More of these a core has only to keep its reader busy. */
#define FILES_MAX    (UINT64_C(1) << 26) /* bytes of the list of mappings */
#define MAPPINGS_MAX 1024u		 /* of records */
#define PARTS_MAX    65536u

/* What the kernel appends to the path of a file without a name. */
#define DELETED " (deleted)"

/* Where the process had a part of a record. */
struct mapping {
	uint64_t begin, end, offset;
	size_t record;
};

struct reading {
	struct core *core;
	struct arena *arena;
	struct core_file file;
	bool has_status, has_process, has_files;
	struct mapping *mappings;
	size_t mapping_count;
	size_t part_count; /* of all records */
	uint64_t part_size;
};

/*
 * Of no other signal does the kernel make a core: gdb has stopped it.  So it
 * has at a breakpoint.
 */
static int cause_of_death(int signal, bool by_kernel)
{
	static const int causes[] = { SIGQUIT, SIGILL, SIGTRAP, SIGABRT,
				      SIGBUS,  SIGFPE, SIGSEGV, SIGXCPU,
				      SIGXFSZ, SIGSYS };

	if (signal == SIGTRAP && !by_kernel)
		return 0;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i] == signal)
			return signal;
	return 0;
}

/* The first thread is the one that died: the kernel and gdb see to it. */
static int read_status(struct reading *r, const struct core_note *note)
{
	struct elf_prstatus status;
	int err;

	if (r->has_status || note->size < sizeof(status))
		return 0;
	err = input_read(&r->file.in, note->offset, &status, sizeof(status));
	if (err)
		return err;
	r->has_status = true;
	r->core->tid = status.pr_pid;
	r->core->by_kernel = status.pr_info.si_signo; /* gdb leaves it 0 */
	r->core->signal = cause_of_death(status.pr_cursig, r->core->by_kernel);
	return 0;
}

static int read_process(struct reading *r, const struct core_note *note)
{
	struct elf_prpsinfo process;
	int err;

	if (r->has_process || note->size < sizeof(process))
		return 0;
	err = input_read(&r->file.in, note->offset, &process, sizeof(process));
	if (err)
		return err;
	r->has_process = true;
	r->core->pid = process.pr_pid;
	r->core->parent = process.pr_ppid;
	return 0;
}

/* PID-START-RANDOM.rec, as format.h names a record. */
static bool parse_name(const char *name, struct core_record *ret)
{
	unsigned long pid;
	char *end;

	if (!isdigit((unsigned char)*name))
		return false;
	pid = strtoul(name, &end, 10);
	if (!pid || pid > INT32_MAX || *end != '-' ||
	    !isdigit((unsigned char)end[1]))
		return false;
	ret->pid = (int)pid;
	ret->start = strtoull(end + 1, &end, 10);
	return *end == '-' && strspn(end + 1, "0123456789abcdef") == 8 &&
	       !strcmp(end + 9, RECORD_SUFFIX);
}

/* The record with this path; NULL if it is another file. */
static struct core_record *find_record(struct reading *r, const char *path)
{
	struct core *c = r->core;
	struct core_record new = { .path = path };

	if (!parse_name(naming_base(path), &new))
		return NULL;
	for (size_t i = 0; i < c->record_count; i++)
		if (!strcmp(c->records[i].path, path))
			return &c->records[i];
	c->records = arena_grow(r->arena, c->records, c->record_count,
				sizeof(*c->records));
	c->records[c->record_count] = new;
	return &c->records[c->record_count++];
}

static void cut_ending(char *path, const char *ending)
{
	const size_t length = strlen(path), size = strlen(ending);

	if (length > size && !strcmp(path + length - size, ending))
		path[length - size] = 0;
}

static void add_mapping(struct reading *r, const struct mapping *mapping,
			char *path)
{
	const uint64_t end = mapping->offset + mapping->end - mapping->begin;
	struct core_record *record;

	cut_ending(path, DELETED);
	record = find_record(r, path);
	if (!record || r->mapping_count == MAPPINGS_MAX)
		return;
	if (end > record->mapped)
		record->mapped = end;
	r->mappings = arena_grow(r->arena, r->mappings, r->mapping_count,
				 sizeof(*r->mappings));
	r->mappings[r->mapping_count] = *mapping;
	r->mappings[r->mapping_count++].record =
		(size_t)(record - r->core->records);
}

/* How the list of mapped files begins, and each of its entries. */
struct list_head {
	uint64_t count, page_size;
};

struct list_entry {
	uint64_t begin, end, page;
};

/* False for what cannot be a part of a record. */
static bool make_mapping(struct mapping *ret, const struct list_entry *entry,
			 uint64_t page_size)
{
	ret->begin = entry->begin;
	ret->end = entry->end;
	return entry->begin < entry->end &&
	       entry->end - entry->begin <= RECORD_MAX_SIZE &&
	       !__builtin_mul_overflow(entry->page, page_size, &ret->offset) &&
	       ret->offset <= RECORD_MAX_SIZE;
}

/* The head, the entries, and the paths, each ended by a NUL. */
static int read_list(struct reading *r, char *bytes, size_t size)
{
	const char *entries = bytes + sizeof(struct list_head);
	struct list_head head;
	struct list_entry entry;
	struct mapping mapping;
	char *path, *end = bytes + size;

	memcpy(&head, bytes, sizeof(head));
	if (head.count > (size - sizeof(head)) / sizeof(entry))
		return core_file_damaged(&r->file, "it is damaged: in its list "
						   "of mapped files");
	path = bytes + sizeof(head) + head.count * sizeof(entry);
	for (uint64_t i = 0; i < head.count && path < end; i++) {
		const size_t length = strlen(path);

		memcpy(&entry, entries + i * sizeof(entry), sizeof(entry));
		if (make_mapping(&mapping, &entry, head.page_size))
			add_mapping(r, &mapping, path);
		path += length + 1;
	}
	return 0;
}

static int read_files(struct reading *r, const struct core_note *note)
{
	char *bytes;
	int err;

	if (r->has_files || note->size < sizeof(struct list_head) ||
	    note->size > FILES_MAX || note->size > r->file.size)
		return 0;
	bytes = arena_alloc(r->arena, note->size + 1); /* a NUL behind it */
	err = input_read(&r->file.in, note->offset, bytes, note->size);
	if (err)
		return err;
	r->has_files = true;
	return read_list(r, bytes, note->size);
}

static int read_note(void *context, const struct core_note *note)
{
	static const struct {
		uint32_t type;
		int (*read)(struct reading *, const struct core_note *);
	} notes[] = {
		{ NT_PRSTATUS, read_status },
		{ NT_PRPSINFO, read_process },
		{ NT_FILE, read_files },
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if (notes[i].type == note->type)
			return notes[i].read(context, note);
	return 0;
}

static int add_part(struct reading *r, struct core_record *record,
		    const struct input_part *part)
{
	/* Else a small file could have a large record, again and again. */
	r->part_size += part->size;
	if (++r->part_count > PARTS_MAX || r->part_size > r->file.size)
		return core_file_damaged(&r->file, "it is damaged: its "
						   "segments overlap");
	record->parts = arena_grow(r->arena, record->parts, record->part_count,
				   sizeof(*record->parts));
	record->parts[record->part_count++] = *part;
	return 0;
}

/* What of the records lies in a segment of memory. */
static int read_memory(void *context, const Elf64_Phdr *segment)
{
	struct reading *r = context;
	const uint64_t begin = segment->p_vaddr;
	const uint64_t end = begin + segment->p_filesz;
	int err = 0;

	if (end <= begin)
		return 0; /* none of it was kept */
	if (segment->p_offset > r->file.size ||
	    segment->p_filesz > r->file.size - segment->p_offset) {
		r->core->cut = true;
		return 0;
	}
	for (size_t i = 0; i < r->mapping_count && !err; i++) {
		const struct mapping *m = &r->mappings[i];
		const uint64_t from = m->begin > begin ? m->begin : begin;
		const uint64_t to = m->end < end ? m->end : end;
		const struct input_part part = {
			.at = m->offset + from - m->begin,
			.offset = segment->p_offset + from - begin,
			.size = to - from,
		};

		if (from < to)
			err = add_part(r, &r->core->records[m->record], &part);
	}
	return err;
}

static int by_place(const void *left, const void *right)
{
	const struct input_part *a = left, *b = right;

	return (a->at > b->at) - (a->at < b->at);
}

/* Keeps what follows one on the other; what is behind a gap is of no use. */
static void join_parts(struct core_record *record)
{
	uint64_t end = 0;
	size_t kept = 0;

	if (record->part_count)
		qsort(record->parts, record->part_count, sizeof(*record->parts),
		      by_place);
	while (kept < record->part_count && record->parts[kept].at == end)
		end += record->parts[kept++].size;
	record->part_count = kept;
}

static int read_all(struct reading *r, const struct input *in)
{
	int err = core_file_open(&r->file, in);

	if (!err)
		err = core_file_notes(&r->file, read_note, r);
	if (!err && (!r->has_status || !r->has_process || r->core->pid <= 0))
		err = core_file_damaged(&r->file, "it does not say whose core "
						  "it is");
	if (!err)
		err = core_file_segments(&r->file, PT_LOAD, read_memory, r);
	return err;
}

int core_read(struct core *c, struct arena *arena, const struct input *in,
	      const char **ret_why)
{
	struct reading r = { .core = c, .arena = arena };
	int err;

	*c = (struct core){ .in = *in };
	err = read_all(&r, in);
	if (err) {
		*ret_why = r.file.in.why;
		return err;
	}
	for (size_t i = 0; i < c->record_count; i++)
		join_parts(&c->records[i]);
	return 0;
}

/*
 * gdb, outside of the pid namespace that the record names, sees another pid
 * there.  Then it must not be a child's that has its parent's mapped: fork()
 * leaves it no more than the beginning, a raw clone may leave it all.
 */
static bool may_be_own(const struct core *c, const struct core_record *record)
{
	return !c->by_kernel && record_space(record->start) &&
	       record->pid != c->parent && record->mapped > RECORD_FIRST_SIZE;
}

const struct core_record *core_own_record(const struct core *c)
{
	for (size_t i = 0; i < c->record_count; i++)
		if (c->records[i].pid == c->pid)
			return &c->records[i];
	for (size_t i = 0; i < c->record_count; i++)
		if (may_be_own(c, &c->records[i]))
			return &c->records[i];
	return NULL;
}
