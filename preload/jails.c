/* SPDX-License-Identifier: MIT */
/*
 * The functions by which root locks itself out: after them, the record's folder
 * may be another one, or somebody else's.
 *
 * A record grows by being opened again, and none can be made behind them; so
 * both are done ahead, where libpq was ever seen.  Groups do not matter to a
 * file that is its owner's alone, and who is not root has nothing to lose.
 */
#include <sched.h>
#include <unistd.h>

#include "preload/guard.h"
#include "preload/lifecycle.h"
#include "preload/recording.h"
#include "preload/scope.h"

/* Begins nothing: a child of vfork() may come by. */
static void leaving(void)
{
	struct guard guard;

	if (!lifecycle_has_begun() || geteuid())
		return;
	guard_enter(&guard);
	recording_grow_ahead();
	guard_leave(&guard);
}

#define LEAVE(name, params, args)                              \
	__attribute__((visibility("default"))) int name params \
	{                                                      \
		leaving();                                     \
		return REAL_SYSTEM(name) args;                 \
	}

/* clang-format off */
LEAVE(chroot,    (const char *path),                      (path))
LEAVE(setuid,    (uid_t user),                            (user))
LEAVE(seteuid,   (uid_t effective),                       (effective))
LEAVE(setreuid,  (uid_t real, uid_t effective),           (real, effective))
LEAVE(setresuid, (uid_t real, uid_t effective, uid_t saved), (real, effective, saved))
LEAVE(setns,     (int fd, int kind),                      (fd, kind))
LEAVE(unshare,   (int flags),                             (flags))
/* clang-format on */
