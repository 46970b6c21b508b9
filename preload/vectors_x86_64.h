/* SPDX-License-Identifier: MIT */
/*
 * vectors_x86_64 - keeps all registers that ordinary C may change and that a
 * caller may count on nevertheless
 *
 * Those are the vector registers in their whole width, their masks, the x87
 * registers, and the control words of both.  What is left out are those that
 * neither a compiler nor the C library uses without being told to.
 */
#ifndef PRELOAD_VECTORS_X86_64_H
#define PRELOAD_VECTORS_X86_64_H

#ifdef __ASSEMBLER__
/* clang-format off */

/* Where the state is put: 512 bytes as fxsave has them, then a head. */
#define VECTORS_HEAD 512

/* Below %rsp, which is lowered.  Changes %rax and %rdx. */
.macro VECTORS_KEEP
	subq	vectors_size(%rip), %rsp
	andq	$-64, %rsp
	xorl	%edx, %edx
	movl	vectors_mask(%rip), %eax
	testl	%eax, %eax
	jz	.Lfxsave\@
	/* What is not zero there is an error to xrstor. */
	.irp	at, 0, 8, 16, 24, 32, 40, 48, 56
	movq	%rdx, VECTORS_HEAD + \at(%rsp)
	.endr
	xsave64	(%rsp)
	jmp	.Lkept\@
.Lfxsave\@:
	fxsave64 (%rsp)
.Lkept\@:
.endm

/* From there.  Changes %rax and %rdx. */
.macro VECTORS_RESTORE at
	xorl	%edx, %edx
	movl	vectors_mask(%rip), %eax
	testl	%eax, %eax
	jz	.Lfxrstor\@
	xrstor64 (\at)
	jmp	.Lrestored\@
.Lfxrstor\@:
	fxrstor64 (\at)
.Lrestored\@:
.endm

/* clang-format on */
#else

#include <stdint.h>

/*
 * Calls a function of ordinary C with all of them kept, and returns what it
 * does.  It finds the control words as a program begins with them.
 */
uint64_t vectors_keep(uint64_t (*function)(void *data), void *data)
	__attribute__((visibility("hidden")));

/* What xsave is told to keep; 0: there is only fxsave.  For tests to change. */
extern uint32_t vectors_mask __attribute__((visibility("hidden")));

#endif
#endif
