/* SPDX-License-Identifier: MIT */
/* Compiled for general registers only: a stub asks. */
#include "preload/readable.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Asks the kernel to block the signals of a mask that lies there: EFAULT where
 * it cannot be read.  Else it is taken back, though inside a guard all are
 * blocked, but for SIGSYS.  No sandbox that lets a program live forbids this
 * call, and nobody who looks on (strace, valgrind) takes it for a mistake of
 * the program.
 */
bool readable(uintptr_t address)
{
	const uintptr_t word = address & ~(uintptr_t)7;
	const int error = errno;
	uint64_t before;
	bool can;

	if (!word) /* to the kernel this is no mask */
		return false;
	can = !syscall(SYS_rt_sigprocmask, SIG_BLOCK, word, &before, 8);

	if (can)
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
	errno = error;
	return can;
}

bool readable_copy(uintptr_t address, unsigned bytes, uint64_t *ret)
{
	const volatile uint8_t *from = (const volatile uint8_t *)address;

	if (!readable(address) || !readable(address + bytes - 1))
		return false;
	*ret = 0;
	for (unsigned i = 0; i < bytes; i++)
		*ret |= (uint64_t)from[i] << 8 * i;
	return true;
}
