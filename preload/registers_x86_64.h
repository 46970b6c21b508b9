/* SPDX-License-Identifier: MIT */
/*
 * registers_x86_64 - what an unwinder starts from
 *
 * The registers that a call preserves, here and now, numbered as DWARF does.
 * The others are unknown above the current function in any case.
 */
#ifndef PRELOAD_REGISTERS_X86_64_H
#define PRELOAD_REGISTERS_X86_64_H

#include <stdint.h>

struct registers {
	uintptr_t value[17];
};

enum { REGISTER_SP = 7, REGISTER_IP = 16 };

#define registers_take(r)                           \
	__asm__ volatile("movq %%rbx, 24(%0)\n\t"   \
			 "movq %%rbp, 48(%0)\n\t"   \
			 "movq %%rsp, 56(%0)\n\t"   \
			 "movq %%r12, 96(%0)\n\t"   \
			 "movq %%r13, 104(%0)\n\t"  \
			 "movq %%r14, 112(%0)\n\t"  \
			 "movq %%r15, 120(%0)\n\t"  \
			 "leaq 0(%%rip), %%rax\n\t" \
			 "movq %%rax, 128(%0)"      \
			 :                          \
			 : "r"((r)->value)          \
			 : "rax", "memory")

#endif
