/* SPDX-License-Identifier: MIT */
/*
 * The mark is not made where exit() is called (moments.h is there): the C
 * library's own calls of it, after main and after the last thread, go past
 * every hook.  A handler is told of all of them.  It is registered before those
 * of the program, and so runs behind them, when the last destructor has
 * finished its connections and the status is the last.
 *
 * _exit() is called where nothing else may be: in a signal handler, which may
 * have interrupted anything, and in a child of vfork(), which has our memory
 * but is not the process whose record that is.
 */
#include "preload/ending.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/guard.h"
#include "preload/lifecycle.h"
#include "preload/recording.h"
#include "preload/scope.h"

static void add_mark(struct writer *record, enum record_mark_kind kind,
		     int status)
{
	const uint32_t number = writer_reserve(record, RECORD_MARKS, 1);
	struct record_mark *mark;

	if (number == RECORD_NONE)
		return;
	mark = writer_at(record, RECORD_MARKS, number);
	mark->kind = kind;
	mark->status = status;
	mark->when_ns = recording_now(record);
	mark->tid = (int32_t)syscall(SYS_gettid);
	writer_publish(record, RECORD_MARKS, number, 1);
}

/* Without a record there is not even a system call. */
void ending_mark(enum record_mark_kind kind, int status)
{
	struct guard guard;
	struct writer *record;

	if (!lifecycle_has_begun() || !recording_is_own())
		return;
	guard_enter(&guard);
	record = recording_try_lock();
	if (record) {
		add_mark(record, kind, status);
		recording_unlock();
	}
	guard_leave(&guard);
}

static void at_exit(int status, void *unused)
{
	(void)unused;
	ending_mark(MARK_EXIT, status);
}

void ending_begin(void)
{
	REAL_SYSTEM(on_exit)(at_exit, NULL);
}
