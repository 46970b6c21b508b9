/* SPDX-License-Identifier: MIT */
/*
 * The entries of dlopen, dlsym and dlvsym, for x86-64.
 *
 * What these do depends on who calls them: RTLD_NEXT is next to the caller,
 * and a name without a slash is looked for in the caller's RUNPATH.  A C
 * function in between would be that caller.  So each asks first, in
 * loader.c or byname.c, and then, with all registers and the return address as
 * they came, jumps to the function that it is told, if it is told one;
 * otherwise it returns what it is told.
 */

/* struct loader_answer ASK(arg1, arg2, arg3, caller): %rax and %rdx */
.macro ENTRY name, ask
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx			/* and the stack is aligned for a call */
	.cfi_adjust_cfa_offset 8
	movq	24(%rsp), %rcx
	call	\ask
	movq	%rdx, %r11
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	testq	%r11, %r11
	jz	1f
	jmp	*%r11
1:	ret
	.cfi_endproc
	.size	\name, . - \name
.endm

	.text
	ENTRY	dlopen, loader_dlopen
	ENTRY	dlsym, byname_dlsym
	ENTRY	dlvsym, byname_dlvsym

	.section .note.GNU-stack, "", @progbits
