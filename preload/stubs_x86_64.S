/* SPDX-License-Identifier: MIT */
/*
 * The stubs, for x86-64; stubs_x86_64.h says what they are for.
 *
 * The frame, down from %rbp:
 *
 *	 16	arguments of the patched function that lie on the stack
 *	  8	return address of the patched function
 *	  0	%rbp of its caller
 *	 -8	number of the stub; then its entry of stubs_table
 *	-16	%rax %rcx %rdx %rsi %rdi %r8 %r9 %r10 %r11, 8 bytes each
 *	-336	%xmm0 at the bottom, up to %xmm15 at -96
 *		copies of the arguments, and the stack is aligned for a call
 */
#include "preload/stubs_x86_64.h"

#define RAX -16
#define RCX -24
#define RDX -32
#define RSI -40
#define RDI -48
#define R8  -56
#define R9  -64
#define R10 -72
#define R11 -80
#define XMM -336

	.text
	.globl	stubs_start, stubs_end
	.hidden	stubs_start, stubs_end
	.p2align 5
stubs_start:
	.set	number, 0
	.rept	STUBS
	.p2align 5
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq	$number
	jmp	call_hook
	.cfi_endproc
	.set	number, number + 1
	.endr
	/* Refused by the assembler if the stubs are longer than that. */
	.org	stubs_start + STUBS * STUB_SIZE

	.p2align 5
	.type	call_hook, @function
call_hook:
	.cfi_startproc
	.cfi_def_cfa %rbp, 16
	.cfi_offset %rbp, -16
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	leaq	XMM(%rbp), %rsp
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups	%xmm\n, XMM + 16 * \n(%rbp)
	.endr

	movq	-8(%rbp), %r10
	shlq	$STUB_ENTRY_SHIFT, %r10
	leaq	stubs_table(%rip), %r11
	addq	%r11, %r10
	movq	%r10, -8(%rbp)

	movl	STUB_STACK_WORDS(%r10), %ecx
	leaq	0(, %rcx, 8), %r11
	subq	%r11, %rsp
	andq	$-16, %rsp
1:	testq	%rcx, %rcx
	jz	2f
	movq	8(%rbp, %rcx, 8), %r11
	movq	%r11, -8(%rsp, %rcx, 8)
	decq	%rcx
	jmp	1b

	/* To the hook everything is as it came, but %r11, which nobody reads
	   who was called. */
2:	movq	STUB_HOOK(%r10), %r11
	movq	RCX(%rbp), %rcx
	movq	R10(%rbp), %r10
	call	*%r11

	movq	-8(%rbp), %r10
	movl	STUB_RESULT(%r10), %r11d
	cmpl	$STUB_RESULT_WIDE, %r11d
	je	4f
	movq	RDX(%rbp), %rdx
	movups	XMM(%rbp), %xmm0
	movups	XMM + 16(%rbp), %xmm1
	cmpl	$STUB_RESULT_WORD, %r11d
	je	4f
	movq	RAX(%rbp), %rax
4:	.irp	n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups	XMM + 16 * \n(%rbp), %xmm\n
	.endr
	movq	RCX(%rbp), %rcx
	movq	RSI(%rbp), %rsi
	movq	RDI(%rbp), %rdi
	movq	R8(%rbp), %r8
	movq	R9(%rbp), %r9
	movq	R10(%rbp), %r10
	movq	R11(%rbp), %r11
	leave
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	ret
	.cfi_endproc
	.size	call_hook, . - call_hook
stubs_end:

	.section .note.GNU-stack, "", @progbits
