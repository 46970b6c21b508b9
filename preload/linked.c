/* SPDX-License-Identifier: MIT */
#include "preload/linked.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/lock.h"

#define LARGEST	 (UINT64_C(1) << 30) /* bytes of a table that are read */
#define SECTIONS (1u << 20)

/* A part of the file, in memory of its own: the file may change meanwhile. */
struct part {
	void *bytes;
	size_t size;
};

struct file {
	int fd;
	uint64_t size;
	const struct dl_phdr_info *loaded;
};

static bool read_whole(int fd, char *to, size_t size, uint64_t offset)
{
	while (size) {
		const ssize_t got = pread(fd, to, size, (off_t)offset);

		if (got <= 0)
			return false;
		to += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return true;
}

static void part_free(struct part *part)
{
	if (part->bytes)
		munmap(part->bytes, part->size);
	part->bytes = NULL;
}

static bool part_read(const struct file *file, uint64_t offset, uint64_t size,
		      struct part *out)
{
	void *bytes;

	out->bytes = NULL;
	if (!size || size > LARGEST || size > file->size ||
	    offset > file->size - size)
		return false;
	bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return false;
	out->bytes = bytes;
	out->size = size;
	if (read_whole(file->fd, bytes, size, offset))
		return true;
	part_free(out);
	return false;
}

/* The file that the loader has mapped, and not, say, the loader itself. */
static bool is_loaded(const struct file *file, const ElfW(Ehdr) * header)
{
	const struct dl_phdr_info *loaded = file->loaded;
	struct part headers;
	bool same;

	if (header->e_phentsize != sizeof(ElfW(Phdr)) ||
	    header->e_phnum != loaded->dlpi_phnum ||
	    !part_read(file, header->e_phoff,
		       (uint64_t)header->e_phnum * sizeof(ElfW(Phdr)),
		       &headers))
		return false;
	same = !memcmp(headers.bytes, loaded->dlpi_phdr, headers.size);
	part_free(&headers);
	return same;
}

/* Where more than 65,280 sections are, the first one says how many. */
static bool read_sections(const struct file *file, const ElfW(Ehdr) * header,
			  struct part *out)
{
	uint64_t count = header->e_shnum;
	ElfW(Shdr) first;

	if (header->e_shentsize != sizeof(first) ||
	    !read_whole(file->fd, (char *)&first, sizeof(first),
			header->e_shoff))
		return false;
	if (!count)
		count = first.sh_size;
	if (count > SECTIONS)
		return false;
	return part_read(file, header->e_shoff, count * sizeof(first), out);
}

static bool is_code(const struct dl_phdr_info *loaded, uint64_t address,
		    uint64_t size)
{
	for (int i = 0; i < loaded->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &loaded->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && header->p_flags & PF_X &&
		    address >= header->p_vaddr && size <= header->p_filesz &&
		    address - header->p_vaddr <= header->p_filesz - size)
			return true;
	}
	return false;
}

/* Whom the symbols of a file are shown to. */
struct visitor {
	const struct dl_phdr_info *loaded;
	linked_visit *visit;
	void *data;
};

static void show(const struct visitor *visitor, const ElfW(Sym) * symbol,
		 const struct part *names)
{
	const struct linked_symbol shown = {
		.name = (const char *)names->bytes + symbol->st_name,
		.address = (uint8_t *)(visitor->loaded->dlpi_addr +
				       symbol->st_value),
		.size = symbol->st_size,
		.local = ELF64_ST_BIND(symbol->st_info) == STB_LOCAL,
	};

	if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
	    symbol->st_shndx != SHN_UNDEF && symbol->st_name < names->size &&
	    is_code(visitor->loaded, symbol->st_value, symbol->st_size))
		visitor->visit(&shown, visitor->data);
}

static bool search_table(const struct file *file, const ElfW(Shdr) * table,
			 const ElfW(Shdr) * strings,
			 const struct visitor *visitor)
{
	struct part symbols, names;
	const ElfW(Sym) * symbol;

	if (table->sh_entsize != sizeof(*symbol) ||
	    !part_read(file, table->sh_offset, table->sh_size, &symbols))
		return false;
	if (!part_read(file, strings->sh_offset, strings->sh_size, &names)) {
		part_free(&symbols);
		return false;
	}
	((char *)names.bytes)[names.size - 1] = 0;
	symbol = symbols.bytes;
	for (size_t i = 0; i < symbols.size / sizeof(*symbol); i++)
		show(visitor, &symbol[i], &names);
	part_free(&names);
	part_free(&symbols);
	return true;
}

static bool search(const struct file *file, const struct part *sections,
		   uint32_t type, const struct visitor *visitor)
{
	const ElfW(Shdr) *all = sections->bytes;
	const size_t number = sections->size / sizeof(*all);

	for (size_t i = 0; i < number; i++)
		if (all[i].sh_type == type && all[i].sh_link < number)
			return search_table(file, &all[i], &all[all[i].sh_link],
					    visitor);
	return false;
}

/* Its sections, to be freed; false if this is not the file. */
static bool open_file(struct file *file, struct part *sections)
{
	struct stat about;
	ElfW(Ehdr) header;

	if (fstat(file->fd, &about) || !S_ISREG(about.st_mode) ||
	    !read_whole(file->fd, (char *)&header, sizeof(header), 0))
		return false;
	file->size = (uint64_t)about.st_size;
	return !memcmp(header.e_ident, ELFMAG, SELFMAG) &&
	       header.e_ident[EI_CLASS] == ELFCLASS64 &&
	       header.e_ident[EI_DATA] == ELFDATA2LSB &&
	       is_loaded(file, &header) &&
	       read_sections(file, &header, sections);
}

bool linked_each(int fd, const struct dl_phdr_info *loaded, linked_visit *visit,
		 void *data)
{
	const struct visitor visitor = { loaded, visit, data };
	struct file file = { .fd = fd, .loaded = loaded };
	struct part sections;
	bool found;

	if (!open_file(&file, &sections))
		return false;
	found = search(&file, &sections, SHT_SYMTAB, &visitor);
	part_free(&sections);
	return found;
}

struct wanted {
	struct linked_function *list;
	size_t count;
};

static void take(const struct linked_symbol *symbol,
		 struct linked_function *wanted)
{
	if (wanted->address && wanted->address != symbol->address)
		wanted->twice = true;
	wanted->address = symbol->address;
	wanted->size = symbol->size;
	wanted->local = symbol->local;
}

static void match(const struct linked_symbol *symbol, void *data)
{
	struct wanted *wanted = data;

	for (size_t i = 0; i < wanted->count; i++)
		if (!strcmp(symbol->name, wanted->list[i].name))
			take(symbol, &wanted->list[i]);
}

bool linked_find_in(int fd, const struct dl_phdr_info *loaded,
		    struct linked_function *wanted, size_t count)
{
	struct wanted all = { wanted, count };
	const struct visitor visitor = { loaded, match, &all };
	struct file file = { .fd = fd, .loaded = loaded };
	struct part sections;
	bool found;

	if (!open_file(&file, &sections))
		return false;
	/* The full table; where it was stripped, what the file exports. */
	found = search(&file, &sections, SHT_SYMTAB, &visitor) ||
		search(&file, &sections, SHT_DYNSYM, &visitor);
	part_free(&sections);
	return found;
}

/* The program itself comes first. */
static int take_program(struct dl_phdr_info *object, size_t size, void *data)
{
	(void)size;
	*(struct dl_phdr_info *)data = *object;
	return 1;
}

void linked_program(struct dl_phdr_info *ret)
{
	ret->dlpi_phnum = 0;
	lock_take(LOCK_PATCH);
	dl_iterate_phdr(take_program, ret);
	lock_give(LOCK_PATCH);
}

bool linked_find(struct linked_function *wanted, size_t count)
{
	struct dl_phdr_info loaded;
	bool found;
	int fd;

	linked_program(&loaded);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	found = linked_find_in(fd, &loaded, wanted, count);
	close(fd);
	return found;
}
