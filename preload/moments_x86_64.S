/* SPDX-License-Identifier: MIT */
/*
 * The entries of exit() and its relatives, for x86-64: with the registers and
 * the stack pointer of whoever called them.
 *
 * What the program holds in a register that functions must keep would be
 * somewhere in our frames otherwise, among what earlier calls have left there:
 * dead copies of handles that nobody holds.
 */

/* void MOMENT(int status, const uintptr_t registers[6], uintptr_t sp) */
.macro ENTRY name, moment
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	movq	%rsp, %rsi
	leaq	56(%rsp), %rdx		/* behind the return address */
	subq	$8, %rsp		/* and the stack is aligned for a call */
	.cfi_adjust_cfa_offset 8
	call	\moment
	ud2				/* it does not return */
	.cfi_endproc
	.size	\name, . - \name
.endm

	.text
	ENTRY	exit, moments_exit
	ENTRY	quick_exit, moments_quick_exit
	ENTRY	_exit, moments_raw_exit
	ENTRY	_Exit, moments_standard_exit

/*
 * The C library begins main() by way of this one, which notes where on the
 * stack that is, and is gone when main runs: no backtrace has it.
 */
	.type	begin_main, @function
	.p2align 4
begin_main:
	.cfi_startproc
	endbr64
	movq	%rsp, moments_main_sp(%rip)
	movq	(%rsp), %rax
	movq	%rax, moments_main_return(%rip)
	jmp	*real_main(%rip)
	.cfi_endproc
	.size	begin_main, . - begin_main

/* Its first argument is main; it is called once, and does not return. */
	.globl	__libc_start_main
	.type	__libc_start_main, @function
	.p2align 4
__libc_start_main:
	.cfi_startproc
	endbr64
	movq	%rdi, real_main(%rip)
	leaq	begin_main(%rip), %rdi
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp		/* and the stack is aligned for a call */
	.cfi_adjust_cfa_offset 8
	call	moments_real_start
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r9
	.cfi_adjust_cfa_offset -8
	popq	%r8
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	*%rax
	.cfi_endproc
	.size	__libc_start_main, . - __libc_start_main

	.local	real_main
	.comm	real_main, 8, 8

	.section .note.GNU-stack, "", @progbits
