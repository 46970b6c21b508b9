/* SPDX-License-Identifier: MIT */
/*
 * valgrind_x86_64 - whether valgrind runs this program
 *
 * It answers to a sequence of instructions that changes nothing where nobody
 * does: no system call, no lock, no look at what is loaded.
 */
#ifndef PRELOAD_VALGRIND_X86_64_H
#define PRELOAD_VALGRIND_X86_64_H

#include <stdbool.h>
#include <stdint.h>

#define VALGRIND_IS_RUNNING 0x1001u

static inline bool valgrind_is_running(void)
{
	const uint64_t question[6] = { VALGRIND_IS_RUNNING };
	uint64_t answer = 0;

	__asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(question)
			 : "cc", "memory");
	return answer;
}

#endif
