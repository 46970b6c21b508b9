/* SPDX-License-Identifier: MIT */
/*
 * Which programs can load the shim: for x86-64 Linux with the GNU C library.
 */
#ifndef PRELOAD_IMAGE_X86_64_H
#define PRELOAD_IMAGE_X86_64_H

#include <elf.h>

#define IMAGE_CLASS   ELFCLASS64
#define IMAGE_DATA    ELFDATA2LSB
#define IMAGE_MACHINE EM_X86_64
#define IMAGE_LOADER  "/lib64/ld-linux-x86-64.so.2"

typedef Elf64_Ehdr image_header;
typedef Elf64_Phdr image_segment;
typedef Elf64_Dyn image_dynamic;

#endif
