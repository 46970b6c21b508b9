/* SPDX-License-Identifier: MIT */
#include "analyzer/elf_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analyzer/debugfile.h"

#define CHUNK	     (1u << 20) /* of a file that is searched */
#define LONGEST_TEXT 64		/* that is searched for */
#define STRINGS_MAX  (1u << 24)
/* More of these a file has only to keep its reader busy. */
#define SEGMENTS_MAX 128
#define SEARCHED_MAX (UINT64_C(1) << 28) /* bytes of a segment */
#define DYNAMIC_MAX  4096

static int count_segments(const struct elf_file *f)
{
	size_t count = 0;

	elf_getphdrnum(f->elf, &count);
	return count < SEGMENTS_MAX ? (int)count : SEGMENTS_MAX;
}

static bool find_segment(const struct elf_file *f, GElf_Word type,
			 GElf_Phdr *out)
{
	const int count = count_segments(f);

	for (int i = 0; i < count; i++)
		if (gelf_getphdr(f->elf, i, out) && out->p_type == type)
			return true;
	return false;
}

/* Where in the file lies what is loaded at `address`; false if nowhere. */
static bool offset_of(const struct elf_file *f, GElf_Addr address,
		      GElf_Off *ret)
{
	const int count = count_segments(f);
	GElf_Phdr segment;

	for (int i = 0; i < count; i++) {
		if (!gelf_getphdr(f->elf, i, &segment) ||
		    segment.p_type != PT_LOAD || address < segment.p_vaddr ||
		    address - segment.p_vaddr >= segment.p_filesz)
			continue;
		*ret = segment.p_offset + (address - segment.p_vaddr);
		return true;
	}
	return false;
}

/* `size` bytes and a NUL behind them; NULL if they are not all there. */
static char *read_bytes(const struct elf_file *f, struct arena *arena,
			GElf_Off offset, size_t size)
{
	char *bytes;

	if (size > STRINGS_MAX)
		return NULL;
	bytes = arena_alloc(arena, size + 1);
	if (pread(f->fd, bytes, size, (off_t)offset) != (ssize_t)size)
		return NULL;
	return bytes;
}

/* The n-th dynamic entry of a tag. */
static bool find_dynamic(const struct elf_file *f, GElf_Sxword tag, size_t n,
			 GElf_Xword *ret_value)
{
	GElf_Phdr segment;
	Elf_Data *data;
	GElf_Dyn entry;

	if (!find_segment(f, PT_DYNAMIC, &segment))
		return false;
	data = elf_getdata_rawchunk(f->elf, (int64_t)segment.p_offset,
				    segment.p_filesz, ELF_T_DYN);
	for (int i = 0; data && i < DYNAMIC_MAX && gelf_getdyn(data, i, &entry);
	     i++) {
		if (entry.d_tag == DT_NULL)
			return false;
		if (entry.d_tag != tag || n--)
			continue;
		*ret_value = entry.d_un.d_val;
		return true;
	}
	return false;
}

static void read_strings(struct elf_file *f, struct arena *arena)
{
	GElf_Xword address, size;
	GElf_Off offset;

	if (!find_dynamic(f, DT_STRTAB, 0, &address) ||
	    !find_dynamic(f, DT_STRSZ, 0, &size) ||
	    !offset_of(f, address, &offset))
		return;
	f->strings = read_bytes(f, arena, offset, size);
	f->strings_size = f->strings ? size : 0;
}

/* elfutils would unpack compressed files, however much comes out of them. */
static bool has_elf_magic(int fd)
{
	char magic[SELFMAG];

	return pread(fd, magic, SELFMAG, 0) == SELFMAG &&
	       !memcmp(magic, ELFMAG, SELFMAG);
}

int elf_file_open(struct elf_file *f, struct arena *arena, const char *path)
{
	*f = (struct elf_file){ .fd = regular_open(path) };
	if (f->fd < 0)
		return f->fd;
	elf_version(EV_CURRENT);
	if (has_elf_magic(f->fd))
		f->elf = elf_begin(f->fd, ELF_C_READ, NULL);
	if (!f->elf || !gelf_getehdr(f->elf, &f->header)) {
		elf_file_close(f);
		return -ENOEXEC;
	}
	read_strings(f, arena);
	return 0;
}

void elf_file_close(struct elf_file *f)
{
	elf_end(f->elf);
	close(f->fd);
}

bool elf_file_same_machine(const struct elf_file *a, const struct elf_file *b)
{
	return a->header.e_machine == b->header.e_machine &&
	       a->header.e_ident[EI_CLASS] == b->header.e_ident[EI_CLASS];
}

const char *elf_file_loader(const struct elf_file *f, struct arena *arena)
{
	GElf_Phdr segment;

	if (!find_segment(f, PT_INTERP, &segment))
		return NULL;
	return read_bytes(f, arena, segment.p_offset, segment.p_filesz);
}

const char *elf_file_dynamic(const struct elf_file *f, GElf_Sxword tag,
			     size_t n)
{
	GElf_Xword at;

	if (!find_dynamic(f, tag, n, &at) || at >= f->strings_size)
		return NULL;
	return f->strings + at;
}

/* Pieces overlap, so that a text across the border of two is found. */
static bool segment_contains(const struct elf_file *f, const GElf_Phdr *segment,
			     const char *text, char *chunk)
{
	const GElf_Xword size = segment->p_filesz < SEARCHED_MAX
					? segment->p_filesz
					: SEARCHED_MAX;
	const size_t length = strlen(text);

	for (GElf_Xword at = 0; at < size; at += CHUNK - LONGEST_TEXT) {
		const size_t wanted = size - at < CHUNK ? size - at : CHUNK;
		const ssize_t got = pread(f->fd, chunk, wanted,
					  (off_t)(segment->p_offset + at));

		if (got <= 0)
			return false;
		if (memmem(chunk, (size_t)got, text, length))
			return true;
	}
	return false;
}

static bool contains_one(const struct elf_file *f, const char *text,
			 char *chunk)
{
	const int count = count_segments(f);
	GElf_Phdr segment;

	for (int i = 0; i < count; i++)
		if (gelf_getphdr(f->elf, i, &segment) &&
		    segment.p_type == PT_LOAD &&
		    segment_contains(f, &segment, text, chunk))
			return true;
	return false;
}

bool elf_file_contains(const struct elf_file *f, const char *const *texts)
{
	char *chunk = malloc(CHUNK);
	bool all = chunk != NULL;

	for (; all && *texts; texts++)
		all = contains_one(f, *texts, chunk);
	free(chunk);
	return all;
}
