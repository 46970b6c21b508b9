/* SPDX-License-Identifier: MIT */
#include "analyzer/core_file.h"

#include <errno.h>
#include <string.h>

/* More of these a core has only to keep its reader busy. */
#define NOTES_MAX    (1u << 20)
#define SEGMENTS_MAX (1u << 20)
#define CHUNK	     512u /* segments whose headers are read at once */

static const char note_name[] = "CORE";

int core_file_damaged(struct core_file *f, const char *why)
{
	return input_fail(&f->in, -EINVAL, why);
}

bool core_file_is_elf(struct input *in)
{
	char magic[SELFMAG];

	return !input_read(in, 0, magic, SELFMAG) &&
	       !memcmp(magic, ELFMAG, SELFMAG);
}

int core_file_open(struct core_file *f, const struct input *in)
{
	Elf64_Ehdr *h = &f->header;
	int err;

	*f = (struct core_file){ .in = *in };
	err = input_size(&f->in, &f->size);
	if (!err)
		err = input_read(&f->in, 0, h, sizeof(*h));
	if (err)
		return err;
	if (h->e_type != ET_CORE)
		return core_file_damaged(f, "it is a program or a library, "
					    "not a core");
	if (h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
		return core_file_damaged(f, "it is a core of another machine "
					    "than x86-64");
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return core_file_damaged(f, "it is damaged: in its header");
	return 0;
}

/* Of more than 65,534 segments, section 0 says how many there are. */
static int count_segments(struct core_file *f, uint32_t *ret_count)
{
	Elf64_Shdr first;
	int err;

	*ret_count = f->header.e_phnum;
	if (f->header.e_phnum == PN_XNUM) {
		err = input_read(&f->in, f->header.e_shoff, &first,
				 sizeof(first));
		if (err)
			return err;
		*ret_count = first.sh_info;
	}
	if (*ret_count > SEGMENTS_MAX)
		return core_file_damaged(f, "it is damaged: it has too many "
					    "segments");
	return 0;
}

int core_file_segments(struct core_file *f, uint32_t type,
		       int (*visit)(void *context, const Elf64_Phdr *segment),
		       void *context)
{
	Elf64_Phdr chunk[CHUNK];
	uint32_t count;
	int err = count_segments(f, &count);

	for (uint32_t i = 0; i < count && !err; i++) {
		const uint32_t left = count - i;
		const uint64_t at =
			f->header.e_phoff + (uint64_t)i * sizeof(Elf64_Phdr);

		if (i % CHUNK == 0)
			err = input_read(&f->in, at, chunk,
					 (left < CHUNK ? left : CHUNK) *
						 sizeof(Elf64_Phdr));
		if (!err && chunk[i % CHUNK].p_type == type)
			err = visit(context, &chunk[i % CHUNK]);
	}
	return err;
}

struct notes {
	struct core_file *file;
	int (*visit)(void *context, const struct core_note *note);
	void *context;
	uint32_t count;
};

static uint64_t padded(uint32_t size)
{
	return ((uint64_t)size + 3) & ~UINT64_C(3);
}

/* The kernel's own have other names, for what only debuggers want. */
static int read_note(struct notes *n, const Elf64_Nhdr *header, uint64_t at)
{
	const struct core_note note = {
		.type = header->n_type,
		.offset = at + padded(header->n_namesz),
		.size = header->n_descsz,
	};
	char name[sizeof(note_name)];
	int err;

	if (header->n_namesz != sizeof(name))
		return 0;
	err = input_read(&n->file->in, at, name, sizeof(name));
	if (err || memcmp(name, note_name, sizeof(name)) != 0)
		return err;
	return n->visit(n->context, &note);
}

static int read_notes(void *context, const Elf64_Phdr *segment)
{
	struct notes *n = context;
	uint64_t at = segment->p_offset, left = segment->p_filesz;
	Elf64_Nhdr note;
	int err = 0;

	while (!err && left >= sizeof(note) && n->count++ < NOTES_MAX) {
		uint64_t size;

		err = input_read(&n->file->in, at, &note, sizeof(note));
		if (err)
			return err;
		size = sizeof(note) + padded(note.n_namesz) +
		       padded(note.n_descsz);
		if (size > left)
			return core_file_damaged(n->file, "it is damaged: in "
							  "its notes");
		err = read_note(n, &note, at + sizeof(note));
		at += size;
		left -= size;
	}
	return err;
}

int core_file_notes(struct core_file *f,
		    int (*visit)(void *context, const struct core_note *note),
		    void *context)
{
	struct notes n = { .file = f, .visit = visit, .context = context };

	return core_file_segments(f, PT_NOTE, read_notes, &n);
}
