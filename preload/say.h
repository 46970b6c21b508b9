/* SPDX-License-Identifier: MIT */
/*
 * say - the one line that the shim may print when it must give up
 *
 * On standard error, as long as that is what it was when the program began.
 * A daemon may have its database connection as descriptor 2 by now.
 */
#ifndef PRELOAD_SAY_H
#define PRELOAD_SAY_H

#include <stdbool.h>
#include <stddef.h>

/* Remembers what standard error is. */
void say_init(void);
/* `line` with its newline; inside a guard. */
void say(const char *line, size_t length);

/*
 * The descriptor that leads there, or another one that does where the program
 * has put 2 aside for a while (a test runner that captures output); -1: none.
 */
int say_descriptor(void);

/* Whether a write of `size` there would end the program with SIGXFSZ. */
bool say_may_append(int fd, size_t size);

#endif
