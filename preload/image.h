/* SPDX-License-Identifier: MIT */
/*
 * image - a look at a file that is about to be executed
 *
 * Will the shim be loaded with it?  The kernel and the loader decide that from
 * its first bytes, so those are what is read.
 *
 * Callable in a child of vfork(), whose memory is its parent's: nothing but
 * the stack is written, and little of that, since the stack may be a signal
 * handler's.  The descriptor is closed again.  Inside a guard.
 */
#ifndef PRELOAD_IMAGE_H
#define PRELOAD_IMAGE_H

#include <stdbool.h>

enum image_kind {
	IMAGE_ORDINARY,	  /* its loader is ours: it loads what is preloaded */
	IMAGE_STATIC,	  /* it has no loader */
	IMAGE_FOREIGN,	  /* a loader or a machine that the shim is not for */
	IMAGE_UNREADABLE, /* may be executed, not looked at */
};

#define IMAGE_RUNTIME_MAX 128

struct image {
	enum image_kind kind;
	bool privileged; /* by its mode or capabilities: preloads are ignored */
	/*
	 * The sanitizer's runtime it is linked to, as its loader knows it.  It
	 * refuses to start unless that comes first.  "" if it has none.
	 */
	char runtime[IMAGE_RUNTIME_MAX];
};

/*
 * What executing `path` would run: of a script, its interpreter; with
 * `or_shell`, of what the kernel takes for no program, the shell.  Returns 0,
 * or the negative errno that execve() would fail with.
 */
int image_look(const char *path, bool or_shell, struct image *out);

#endif
