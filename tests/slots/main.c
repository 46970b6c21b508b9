/* SPDX-License-Identifier: MIT */
/*
 * slots RECORD - what a record says of the handles that are out
 *
 * A line for each, in the order of their slots: what it is in the middle of,
 * with `+listens` and `+copies`; the SQLSTATE of the last error, or `-`; and
 * which thread used it: the `main` one, an `other`, or `-`.
 */
#include <fcntl.h>
#include <stdio.h>

#include "record/reader.h"

static const char *transaction_of(uint32_t doing)
{
	static const char *const names[] = {
		[TRANSACTION_UNKNOWN] = "unknown", [TRANSACTION_IDLE] = "idle",
		[TRANSACTION_ACTIVE] = "active",   [TRANSACTION_OPEN] = "open",
		[TRANSACTION_FAILED] = "failed",
	};
	const uint32_t transaction = doing % CONNECTION_LISTENS;

	return transaction < sizeof(names) / sizeof(names[0])
		       ? names[transaction]
		       : "?";
}

static const char *thread_of(int32_t tid, int32_t main_thread)
{
	if (!tid)
		return "-";
	return tid == main_thread ? "main" : "other";
}

static void print(const struct record_slot *slot, int32_t pid)
{
	char error[6] = "-";

	if (slot->error)
		record_sqlstate_text(slot->error, error);
	printf("%s%s%s %s %s\n", transaction_of(slot->doing),
	       slot->doing & CONNECTION_LISTENS ? "+listens" : "",
	       slot->doing & CONNECTION_COPIES ? "+copies" : "", error,
	       thread_of(slot->used_by, pid));
}

int main(int argc, char **argv)
{
	struct record_slot slot;
	struct reader *r;
	const char *why;

	if (argc != 2 || reader_open(AT_FDCWD, argv[1], &r, &why)) {
		fprintf(stderr, "slots: %s\n", argc == 2 ? why : "one RECORD");
		return 1;
	}
	for (uint32_t i = 0; i < reader_count(r, RECORD_SLOTS); i++)
		if (reader_slot(r, i, &slot) && slot.state != SLOT_FREE)
			print(&slot, reader_header(r)->pid);
	reader_free(r);
	return 0;
}
