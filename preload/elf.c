/* SPDX-License-Identifier: MIT */
/*
 * Symbol look-up by both hash tables, as the System V ABI describes them.
 *
 * Up to elf_symbol() nothing calls a function of the C library, not even
 * strcmp(): elf.h says why.
 */
#include "preload/elf.h"

#include <string.h>

/* What the dynamic section points to. */
struct dynamic {
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *gnu_hash;
	const uint32_t *sysv_hash;
	const uint16_t *versions; /* NULL: it has none */
};

#define VERSION_HIDDEN 0x8000u /* only for who was linked to it long ago */

static const ElfW(Phdr) *
	find_header(const struct dl_phdr_info *object, uint32_t type)
{
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == type)
			return &object->dlpi_phdr[i];
	return NULL;
}

static const ElfW(Dyn) * dynamic_section(const struct dl_phdr_info *object)
{
	const ElfW(Phdr) *header = find_header(object, PT_DYNAMIC);

	return header ? (const void *)(object->dlpi_addr + header->p_vaddr)
		      : NULL;
}

/* glibc has relocated these pointers in place, but not those of the vDSO. */
static const void *pointer(ElfW(Addr) bias, ElfW(Addr) value)
{
	if (value < bias)
		value += bias;
	return (const void *)value;
}

static int read_dynamic(ElfW(Addr) bias, const ElfW(Dyn) * entry,
			struct dynamic *out)
{
	*out = (struct dynamic){ .symbols = NULL };
	for (; entry && entry->d_tag != DT_NULL; entry++) {
		const void *value = pointer(bias, entry->d_un.d_ptr);

		if (entry->d_tag == DT_SYMTAB)
			out->symbols = value;
		else if (entry->d_tag == DT_STRTAB)
			out->strings = value;
		else if (entry->d_tag == DT_GNU_HASH)
			out->gnu_hash = value;
		else if (entry->d_tag == DT_HASH)
			out->sysv_hash = value;
		else if (entry->d_tag == DT_VERSYM)
			out->versions = value;
	}
	return out->symbols && out->strings;
}

/* The `i`th entry of a tag whose values are offsets of strings. */
static const char *dynamic_string(const struct dl_phdr_info *object,
				  ElfW(Sxword) tag, unsigned i)
{
	const ElfW(Dyn) *entry = dynamic_section(object);
	struct dynamic d;

	if (!read_dynamic(object->dlpi_addr, entry, &d))
		return NULL;
	for (; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == tag && !i--)
			return d.strings + entry->d_un.d_val;
	return NULL;
}

static int is_same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static int is_definition(const struct dynamic *d, uint32_t index,
			 const char *name)
{
	const ElfW(Sym) *symbol = &d->symbols[index];

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
	       !(d->versions && d->versions[index] & VERSION_HIDDEN) &&
	       is_same(d->strings + symbol->st_name, name);
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* Layout: buckets, first symbol, bloom words, shift; bloom; buckets; chain. */
static uint32_t find_by_gnu_hash(const struct dynamic *d, const char *name)
{
	const uint32_t buckets = d->gnu_hash[0], first = d->gnu_hash[1];
	const uint32_t words = d->gnu_hash[2], shift = d->gnu_hash[3];
	const ElfW(Addr) *bloom = (const void *)(d->gnu_hash + 4);
	const uint32_t *bucket = (const void *)(bloom + words);
	const uint32_t *chain = bucket + buckets;
	const uint32_t hash = gnu_hash(name), bits = 8 * sizeof(ElfW(Addr));
	ElfW(Addr) word;
	uint32_t i;

	if (!buckets || !words)
		return 0;
	word = bloom[hash / bits % words];
	if (!(word >> (hash % bits) & word >> ((hash >> shift) % bits) & 1))
		return 0;
	i = bucket[hash % buckets];
	if (i < first)
		return 0;
	for (;; i++) {
		if ((chain[i - first] | 1) == (hash | 1) &&
		    is_definition(d, i, name))
			return i;
		if (chain[i - first] & 1)
			return 0;
	}
}

static uint32_t sysv_hash(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		hash = (hash << 4) + (unsigned char)*name;
		hash ^= (hash & 0xf0000000u) >> 24;
		hash &= 0x0fffffffu;
	}
	return hash;
}

static uint32_t find_by_sysv_hash(const struct dynamic *d, const char *name)
{
	const uint32_t buckets = d->sysv_hash[0];
	const uint32_t *bucket = d->sysv_hash + 2, *chain = bucket + buckets;
	uint32_t i;

	if (!buckets)
		return 0;
	for (i = bucket[sysv_hash(name) % buckets]; i; i = chain[i])
		if (is_definition(d, i, name))
			return i;
	return 0;
}

void *elf_symbol_of(ElfW(Addr) bias, const ElfW(Dyn) * dynamic,
		    const char *name)
{
	struct dynamic d;
	uint32_t index = 0;

	if (!read_dynamic(bias, dynamic, &d))
		return NULL;
	if (d.gnu_hash)
		index = find_by_gnu_hash(&d, name);
	else if (d.sysv_hash)
		index = find_by_sysv_hash(&d, name);
	if (!index)
		return NULL;
	return (void *)(bias + d.symbols[index].st_value);
}

void *elf_symbol(const struct dl_phdr_info *object, const char *name)
{
	return elf_symbol_of(object->dlpi_addr, dynamic_section(object), name);
}

/* The last chain ends with the last symbol that is defined. */
static uint32_t count_by_gnu_hash(const struct dynamic *d)
{
	const uint32_t buckets = d->gnu_hash[0], first = d->gnu_hash[1];
	const ElfW(Addr) *bloom = (const void *)(d->gnu_hash + 4);
	const uint32_t *bucket = (const void *)(bloom + d->gnu_hash[2]);
	const uint32_t *chain = bucket + buckets;
	uint32_t last = 0;

	for (uint32_t i = 0; i < buckets; i++)
		if (bucket[i] > last)
			last = bucket[i];
	if (last < first)
		return 0;
	while (!(chain[last - first] & 1))
		last++;
	return last + 1;
}

void elf_each_function(const struct dl_phdr_info *object,
		       void (*visit)(const char *name, void *address,
				     size_t size, void *data),
		       void *data)
{
	struct dynamic d;
	uint32_t count = 0;

	if (!read_dynamic(object->dlpi_addr, dynamic_section(object), &d))
		return;
	if (d.gnu_hash)
		count = count_by_gnu_hash(&d);
	else if (d.sysv_hash)
		count = d.sysv_hash[1];
	for (uint32_t i = 0; i < count; i++) {
		const ElfW(Sym) *symbol = &d.symbols[i];

		if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
		    symbol->st_shndx != SHN_UNDEF && symbol->st_value)
			visit(d.strings + symbol->st_name,
			      (void *)(object->dlpi_addr + symbol->st_value),
			      symbol->st_size, data);
	}
}

size_t elf_dynamic_value(const struct dl_phdr_info *object, ElfW(Sxword) tag)
{
	const ElfW(Dyn) *entry = dynamic_section(object);

	for (; entry && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == tag)
			return entry->d_un.d_val;
	return 0;
}

const void *elf_dynamic(const struct dl_phdr_info *object, ElfW(Sxword) tag)
{
	const size_t value = elf_dynamic_value(object, tag);

	return value ? pointer(object->dlpi_addr, value) : NULL;
}

const char *elf_soname(const struct dl_phdr_info *object)
{
	return dynamic_string(object, DT_SONAME, 0);
}

const char *elf_needed(const struct dl_phdr_info *object, unsigned i)
{
	return dynamic_string(object, DT_NEEDED, i);
}

void elf_range(const struct dl_phdr_info *object, uintptr_t *ret_start,
	       uintptr_t *ret_end)
{
	*ret_start = UINTPTR_MAX;
	*ret_end = 0;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];
		uintptr_t start = object->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD)
			continue;
		if (start < *ret_start)
			*ret_start = start;
		if (start + header->p_memsz > *ret_end)
			*ret_end = start + header->p_memsz;
	}
}

size_t elf_build_id(const struct dl_phdr_info *object,
		    const unsigned char **ret_id)
{
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];
		const char *at, *end;

		if (header->p_type != PT_NOTE)
			continue;
		at = (const char *)(object->dlpi_addr + header->p_vaddr);
		end = at + header->p_memsz;
		while (at + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const void *)at;
			const char *name = at + sizeof(*note);
			const char *value =
				name + ((note->n_namesz + 3u) & ~3u);

			if (note->n_type == NT_GNU_BUILD_ID &&
			    note->n_namesz == 4 && !memcmp(name, "GNU", 4)) {
				*ret_id = (const unsigned char *)value;
				return note->n_descsz;
			}
			at = value + ((note->n_descsz + 3u) & ~3u);
		}
	}
	return 0;
}
