/* SPDX-License-Identifier: MIT */
#include "preload/decoder_x86_64.h"

#include <Zydis/Zydis.h>
#include <dlfcn.h>
#include <stddef.h>

#include "preload/scope.h"

/* Its structures change with the minor version, and so does this name. */
static char soname[] = "libZydis.so.4.0";

/* Set while it is open, by the one who opened it. */
static struct {
	void *library;
	ZydisDecoder decoder;
	__typeof__(&ZydisDecoderInit) init;
	__typeof__(&ZydisDecoderDecodeInstruction) decode;
} zydis;

static void set_soname(void)
{
	soname[sizeof("libZydis.so.") - 1] =
		(char)('0' + ZYDIS_VERSION_MAJOR(ZYDIS_VERSION));
	soname[sizeof("libZydis.so.4.") - 1] =
		(char)('0' + ZYDIS_VERSION_MINOR(ZYDIS_VERSION));
}

/* Not by way of the shim's own dlsym. */
static void *find(const char *name)
{
	return LIBC(dlsym)(zydis.library, name);
}

bool decoder_open(const char **ret_why)
{
	set_soname();
	zydis.library = LIBC(dlopen)(soname, RTLD_NOW | RTLD_LOCAL);
	if (!zydis.library) {
		LIBC(dlerror)(); /* or the program would be told of it */
		*ret_why = "libZydis is not installed";
		return false;
	}
	*(void **)&zydis.init = find("ZydisDecoderInit");
	*(void **)&zydis.decode = find("ZydisDecoderDecodeInstruction");
	if (zydis.init && zydis.decode &&
	    ZYAN_SUCCESS(zydis.init(&zydis.decoder, ZYDIS_MACHINE_MODE_LONG_64,
				    ZYDIS_STACK_WIDTH_64)))
		return true;
	decoder_close();
	*ret_why = "libZydis is not as it should be";
	return false;
}

void decoder_close(void)
{
	dlclose(zydis.library);
	zydis.library = NULL;
}

/* What goes to an address that it gives as a distance from its own end. */
static enum instruction_kind
kind_of_relative(const ZydisDecodedInstruction *decoded)
{
	const uint8_t code = decoded->opcode;

	if (decoded->opcode_map == ZYDIS_OPCODE_MAP_0F)
		return (code & 0xf0) == 0x80 ? INSTRUCTION_JUMP_IF
					     : INSTRUCTION_OTHER;
	if (decoded->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return INSTRUCTION_OTHER;
	if ((code & 0xf0) == 0x70)
		return INSTRUCTION_JUMP_IF;
	if (code == 0xe8)
		return INSTRUCTION_CALL;
	if (code == 0xe9 || code == 0xeb)
		return INSTRUCTION_JUMP;
	return INSTRUCTION_OTHER; /* loop, jrcxz: they have no long form */
}

/* The stack pointer is base register 4, which an address needs a SIB for. */
static bool is_by_stack(const ZydisDecodedInstruction *decoded)
{
	return decoded->attributes & ZYDIS_ATTRIB_HAS_SIB &&
	       decoded->raw.sib.base == 4 && !decoded->raw.rex.B;
}

/* An operand that is not in a register, at a distance from the end. */
static bool is_by_address(const ZydisDecodedInstruction *decoded)
{
	return decoded->attributes & ZYDIS_ATTRIB_HAS_MODRM &&
	       decoded->raw.modrm.mod == 0 && decoded->raw.modrm.rm == 5;
}

static void take_operands(const ZydisDecodedInstruction *decoded,
			  struct instruction *out)
{
	if (decoded->attributes & ZYDIS_ATTRIB_HAS_MODRM)
		out->modrm = decoded->raw.modrm.offset;
	out->by_stack = is_by_stack(decoded);
	if (!is_by_address(decoded))
		return;
	out->displacement = decoded->raw.disp.offset;
	/* A prefix can make it 32 bits of address. */
	if (decoded->address_width != 64)
		out->kind = INSTRUCTION_OTHER;
}

bool decoder_read(const uint8_t *code, uintptr_t room, struct instruction *out)
{
	ZydisDecodedInstruction decoded;

	if (!ZYAN_SUCCESS(
		    zydis.decode(&zydis.decoder, NULL, code, room, &decoded)))
		return false;
	*out = (struct instruction){
		.kind = INSTRUCTION_PLAIN,
		.length = decoded.length,
		.condition = decoded.opcode & 15,
	};
	if (decoded.raw.imm[0].is_relative) {
		out->kind = kind_of_relative(&decoded);
		out->target =
			code + decoded.length + decoded.raw.imm[0].value.s;
		/* Of 16 bits, it is not the same on every processor. */
		if (decoded.raw.imm[0].size == 16)
			out->kind = INSTRUCTION_OTHER;
		return true;
	}
	if (decoded.mnemonic == ZYDIS_MNEMONIC_NOP)
		out->kind = INSTRUCTION_NOP;
	/* Whatever else goes on with a return address of its own. */
	if (decoded.meta.category == ZYDIS_CATEGORY_CALL)
		out->kind = decoded.mnemonic == ZYDIS_MNEMONIC_CALL &&
					    decoded.opcode == 0xff &&
					    decoded.raw.modrm.reg == 2
				    ? INSTRUCTION_CALL_INDIRECT
				    : INSTRUCTION_OTHER;
	take_operands(&decoded, out);
	return true;
}
