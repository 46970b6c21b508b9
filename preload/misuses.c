/* SPDX-License-Identifier: MIT */
#include "preload/misuses.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "preload/recording.h"
#include "preload/sites.h"

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
	event->stack = stack;
	event->when_ns = recording_now(record);
	event->handle = (uintptr_t)what->handle;
	event->owner_began = what->owner.began;
	event->owner_pid = what->owner.pid;
	event->owner_site = what->owner.site;
	event->tid = (int32_t)syscall(SYS_gettid);
	writer_publish(record, RECORD_EVENTS, number, 1);
}
