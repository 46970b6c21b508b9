/* SPDX-License-Identifier: MIT */
/*
 * The stubs, for x86-64; stubs_x86_64.h says what they are for.
 *
 * The frame, down from %rbp:
 *
 *	 16	arguments of the function that lie on the stack
 *	  8	return address of the function
 *	  0	%rbp of its caller
 *	 -8	number of the stub; then its entry of stubs_table
 *	-16	%rax %rcx %rdx %rsi %rdi %r8 %r9 %r10 %r11, 8 bytes each
 *
 * and of one that is called instead:
 *
 *	-88	where the vector registers are kept, below
 *		copies of the arguments, and the stack is aligned for a call
 *
 * or around (struct stub_frame):
 *
 *	-88	the function
 *	-96	what was answered before it
 *	-104	%rax ... %r11 as they are when it has returned
 *		copies of the arguments, and the stack is aligned for a call
 */
#include "preload/stubs_x86_64.h"
#include "preload/vectors_x86_64.h"

#define NUMBER	 -8
#define CALLED	 -16
#define VECTORS	 -88
#define FUNCTION -88
#define RETURNED -104
#define ON_STACK 16

#define RAX 0
#define RCX -8
#define RDX -16
#define RSI -24
#define RDI -32
#define R8  -40
#define R9  -48
#define R10 -56
#define R11 -64

#define PAGE 4096

.macro RESTORE from
	movq	\from + RAX(%rbp), %rax
	movq	\from + RCX(%rbp), %rcx
	movq	\from + RDX(%rbp), %rdx
	movq	\from + RSI(%rbp), %rsi
	movq	\from + RDI(%rbp), %rdi
	movq	\from + R8(%rbp), %r8
	movq	\from + R9(%rbp), %r9
	movq	\from + R10(%rbp), %r10
	movq	\from + R11(%rbp), %r11
.endm

.macro SAVE to
	movq	%rax, \to + RAX(%rbp)
	movq	%rcx, \to + RCX(%rbp)
	movq	%rdx, \to + RDX(%rbp)
	movq	%rsi, \to + RSI(%rbp)
	movq	%rdi, \to + RDI(%rbp)
	movq	%r8, \to + R8(%rbp)
	movq	%r9, \to + R9(%rbp)
	movq	%r10, \to + R10(%rbp)
	movq	%r11, \to + R11(%rbp)
.endm

	.text
	.globl	stubs_start, stubs_end, stubs_function_returns
	.hidden	stubs_start, stubs_end, stubs_function_returns
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
	jmp	call_by_stub
	.cfi_endproc
	.set	number, number + 1
	.endr
	/* Refused by the assembler if the stubs are longer than that. */
	.org	stubs_start + STUBS * STUB_SIZE

	.p2align 5
	.type	call_by_stub, @function
call_by_stub:
	.cfi_startproc
	.cfi_personality 0x1b, stubs_personality
	.cfi_def_cfa %rbp, 16
	.cfi_offset %rbp, -16
	.irp	register, rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11
	pushq	%\register
	.endr
	movq	NUMBER(%rbp), %r10
	shlq	$STUB_ENTRY_SHIFT, %r10
	leaq	stubs_table(%rip), %r11
	addq	%r11, %r10
	movq	%r10, NUMBER(%rbp)
	movq	STUB_AROUND(%r10), %rax
	testq	%rax, %rax
	jz	call_instead

	pushq	STUB_FUNCTION(%r10)
	pushq	$0
	leaq	FRAME_BOTTOM(%rbp), %rsp
	movq	%rsp, %rdi
	andq	$-16, %rsp
	call	*AROUND_BEFORE(%rax)
	movq	%rax, FRAME_STATE(%rbp)
	/* The next page may not be there. */
	movl	%ebp, %eax
	andl	$PAGE - 1, %eax
	cmpl	$PAGE - ON_STACK - 8 * STUB_COPIED, %eax
	ja	near_end_of_page
copy_all:
	.irp	n, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
	pushq	ON_STACK + 8 * \n(%rbp)
	.endr
call_function:
	RESTORE	CALLED
	call	*FUNCTION(%rbp)
stubs_function_returns:
	cmpq	$0, FRAME_STATE(%rbp)
	je	leave_stub
	SAVE	RETURNED
	leaq	FRAME_BOTTOM(%rbp), %rdi
	movq	NUMBER(%rbp), %rax
	movq	STUB_AROUND(%rax), %rax
	call	*AROUND_AFTER(%rax)
	RESTORE	RETURNED
leave_stub:
	.cfi_remember_state
	leave
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	ret
	.cfi_restore_state

near_end_of_page:
	leaq	ON_STACK(%rbp), %rdi
	call	stubs_readable
	cmpq	$STUB_COPIED, %rax
	je	copy_all
	subq	$8 * STUB_COPIED, %rsp
1:	testq	%rax, %rax
	jz	call_function
	movq	ON_STACK - 8(%rbp, %rax, 8), %rcx
	movq	%rcx, -8(%rsp, %rax, 8)
	decq	%rax
	jmp	1b

call_instead:
	pushq	$0
	VECTORS_KEEP
	movq	%rsp, VECTORS(%rbp)
	movl	STUB_STACK_WORDS(%r10), %ecx
	leaq	0(, %rcx, 8), %r11
	subq	%r11, %rsp
	andq	$-16, %rsp
1:	testq	%rcx, %rcx
	jz	2f
	movq	ON_STACK - 8(%rbp, %rcx, 8), %r11
	movq	%r11, -8(%rsp, %rcx, 8)
	decq	%rcx
	jmp	1b
2:	RESTORE	CALLED
	/* Nobody reads this one who was called. */
	movq	NUMBER(%rbp), %r11
	call	*STUB_FUNCTION(%r11)
	movq	NUMBER(%rbp), %r10
	cmpl	$STUB_RESULT_NONE, STUB_RESULT(%r10)
	je	3f
	movq	%rax, CALLED + RAX(%rbp)
3:	movq	VECTORS(%rbp), %rcx
	VECTORS_RESTORE %rcx
	RESTORE	CALLED
	jmp	leave_stub
	.cfi_endproc
	.size	call_by_stub, . - call_by_stub
stubs_end:

	.section .note.GNU-stack, "", @progbits
