/* SPDX-License-Identifier: MIT */
#include "preload/misuses.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "preload/line.h"
#include "preload/recording.h"
#include "preload/sites.h"

/*
 * A parent that ends has no children any more before it is a zombie.  The pid 0
 * is one in another namespace, where pids mean something else.
 */
bool misuses_owner_has_ended(const struct handle_owner *owner)
{
	const pid_t parent = getppid();

	return parent && parent != owner->pid &&
	       line_has_ended(owner->pid, owner->start_ticks);
}

void misuses_add(struct writer *record, const struct misuse *what,
		 const struct stack *where)
{
	const uint32_t stack =
		sites_number(record, what->handle_kind, what->function, where);
	const uint32_t number = writer_reserve(record, RECORD_EVENTS, 1);
	struct record_event *event;

	if (number == RECORD_NONE) {
		recording_lost(record, LOSS_EVENT);
		return;
	}
	event = writer_at(record, RECORD_EVENTS, number);
	event->kind = (uint16_t)what->kind;
	event->flags = what->established ? EVENT_ESTABLISHED : 0;
	event->stack = stack;
	event->when_ns = recording_now(record);
	event->handle = record_handle(what->handle);
	event->owner_began = what->owner.began;
	event->owner_pid = what->owner.pid;
	event->owner_site = what->owner.site;
	event->tid = (int32_t)syscall(SYS_gettid);
	writer_publish(record, RECORD_EVENTS, number, 1);
}
