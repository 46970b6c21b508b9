/* SPDX-License-Identifier: MIT */
#include "tests/make_core.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

static void add(struct make_bytes *to, const void *bytes, size_t size)
{
	to->bytes = realloc(to->bytes, to->size + size + 1);
	if (!to->bytes)
		abort();
	if (size)
		memcpy(to->bytes + to->size, bytes, size);
	to->size += size;
}

static void add_note(struct make_core *m, uint32_t type, const void *bytes,
		     size_t size)
{
	static const char name[8] = "CORE", none[4];
	const Elf64_Nhdr note = { .n_namesz = 5,
				  .n_descsz = (uint32_t)size,
				  .n_type = type };

	add(&m->notes, &note, sizeof(note));
	add(&m->notes, name, sizeof(name));
	add(&m->notes, bytes, size);
	add(&m->notes, none, (4 - size % 4) % 4);
}

void make_core_init(struct make_core *m, int pid)
{
	const struct elf_prpsinfo process = { .pr_pid = pid, .pr_ppid = 1 };

	*m = (struct make_core){
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
					 ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_CORE,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_phoff = sizeof(Elf64_Ehdr),
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 1 },
		.segments = { { .p_type = PT_NOTE } },
	};
	add_note(m, NT_PRPSINFO, &process, sizeof(process));
}

static void release(struct make_bytes *bytes)
{
	free(bytes->bytes);
	*bytes = (struct make_bytes){ NULL, 0 };
}

void make_core_release(struct make_core *m)
{
	release(&m->notes);
	release(&m->entries);
	release(&m->paths);
	release(&m->memory);
	free(m->bytes);
	m->bytes = NULL;
}

void make_core_thread(struct make_core *m, int tid, int signal)
{
	const struct elf_prstatus status = { .pr_info = { .si_signo = signal },
					     .pr_cursig = (short)signal,
					     .pr_pid = tid };

	add_note(m, NT_PRSTATUS, &status, sizeof(status));
}

void make_core_stopped(struct make_core *m, int tid, int signal)
{
	const struct elf_prstatus status = { .pr_cursig = (short)signal,
					     .pr_pid = tid };

	add_note(m, NT_PRSTATUS, &status, sizeof(status));
}

void make_core_file(struct make_core *m, const char *path, uint64_t address,
		    uint64_t size, uint64_t offset)
{
	const uint64_t entry[] = { address, address + size,
				   offset / MAKE_CORE_PAGE };

	if (offset % MAKE_CORE_PAGE)
		abort();
	add(&m->entries, entry, sizeof(entry));
	add(&m->paths, path, strlen(path) + 1);
	m->files++;
}

void make_core_memory(struct make_core *m, uint64_t address, const void *bytes,
		      size_t size)
{
	if (m->header.e_phnum == MAKE_CORE_SEGMENTS)
		abort();
	m->segments[m->header.e_phnum++] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_offset = m->memory.size, /* behind the notes */
		.p_vaddr = address,
		.p_filesz = size,
		.p_memsz = size,
	};
	add(&m->memory, bytes, size);
}

/* The note that lists the files. */
static void add_files(struct make_core *m)
{
	const uint64_t head[] = { m->files, MAKE_CORE_PAGE };
	struct make_bytes list = { NULL, 0 };

	add(&list, head, sizeof(head));
	add(&list, m->entries.bytes, m->entries.size);
	add(&list, m->paths.bytes, m->paths.size);
	add_note(m, NT_FILE, list.bytes, list.size);
	release(&list);
}

void make_core_finish(struct make_core *m)
{
	const size_t count = m->header.e_phnum;
	struct make_bytes all = { NULL, 0 };

	if (m->files)
		add_files(m);
	m->segments[0].p_offset =
		sizeof(m->header) + count * sizeof(m->segments[0]);
	m->segments[0].p_filesz = m->notes.size;
	for (size_t i = 1; i < count; i++)
		m->segments[i].p_offset +=
			m->segments[0].p_offset + m->notes.size;
	add(&all, &m->header, sizeof(m->header));
	add(&all, m->segments, count * sizeof(m->segments[0]));
	add(&all, m->notes.bytes, m->notes.size);
	add(&all, m->memory.bytes, m->memory.size);
	m->bytes = all.bytes;
	m->size = all.size;
}

Elf64_Ehdr *make_core_header(const struct make_core *m)
{
	return (void *)m->bytes;
}

Elf64_Phdr *make_core_segment(const struct make_core *m, unsigned number)
{
	return (Elf64_Phdr *)(m->bytes + sizeof(m->header)) + number;
}
