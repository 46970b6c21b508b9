/* SPDX-License-Identifier: MIT */
/* For x86-64; vectors_x86_64.h says what it is for. */
#include "preload/vectors_x86_64.h"

	.section .rodata
	.p2align 2
/* All exceptions masked, to the nearest. */
control:
	.long	0x1f80

	.text
	.globl	vectors_keep
	.hidden	vectors_keep
	.type	vectors_keep, @function
	.p2align 4
vectors_keep:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq	%rbx
	.cfi_offset %rbx, -24
	pushq	%rbx			/* room for what is returned */
	movq	%rdi, %rcx
	VECTORS_KEEP
	movq	%rsp, %rbx
	fninit
	ldmxcsr	control(%rip)
	movq	%rsi, %rdi
	call	*%rcx
	movq	%rax, -16(%rbp)
	VECTORS_RESTORE %rbx
	movq	-16(%rbp), %rax
	movq	-8(%rbp), %rbx
	leave
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	.cfi_restore %rbx
	ret
	.cfi_endproc
	.size	vectors_keep, . - vectors_keep

	.section .note.GNU-stack, "", @progbits
