/* SPDX-License-Identifier: MIT */
#include "tests/made_report.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIBC  "/usr/lib/x86_64-linux-gnu/libc.so.6"
#define LIBPQ "/usr/lib/x86_64-linux-gnu/libpq.so.5.15"

#define LONG_NAMES 8
#define LONG_SIZE  5000

static const struct report_frame frames[] = {
	{ .function = "PQconnectdb",
	  .module = LIBPQ,
	  .trouble = TROUBLE_NO_DEBUG },
	{ .function = "load_orders",
	  .file = "/opt/shop/src/orders.c",
	  .line = 42,
	  .module = APP,
	  .offset = 0x1189,
	  .language = "c" },
	{ .function = "main",
	  .file = "/opt/shop/src/main.c",
	  .line = 7,
	  .module = APP,
	  .language = "c" },
	{ .function = "__libc_start_main",
	  .module = LIBC,
	  .trouble = TROUBLE_NO_DEBUG },
	{ .function = "_start", .module = APP, .trouble = TROUBLE_NO_DEBUG },
};

static void make_handles(struct made *m)
{
	for (size_t i = 0; i < COUNT(m->handles); i++)
		m->handles[i] = (struct report_handle){
			.pid = 4242,
			.tid = 4242,
			.backend_pid = 700 + (int)i,
			.host = "db1.example",
			.port = "5432",
			.dbname = "orders",
			.user = "app",
			.acquired_at = NOON + i * SECOND,
			.age_s = 252 - (double)i,
		};
}

static void make_findings(struct made *m)
{
	for (size_t i = 0; i < COUNT(m->findings); i++)
		m->findings[i] = (struct report_finding){
			.kind = "leaked-connection",
			.class = "undecided",
			.gates = true,
			.count = 1,
			.handles = m->handles,
			.handle_count = 1,
			.stack = { .frames = m->frames,
				   .count = COUNT(m->frames),
				   .site = 1 },
		};
}

void made_report(struct made *m)
{
	memset(m, 0, sizeof(*m));
	memcpy(m->frames, frames, sizeof(frames));
	make_handles(m);
	make_findings(m);
	m->process = (struct report_process){ 4242, APP, "exit 0", 0 };
	m->report = (struct report){
		.status = REPORT_FINDINGS,
		.findings = m->findings,
		.finding_count = 1,
		.incomplete = m->gaps,
		.notes = m->notes,
		.processes = &m->process,
		.process_count = 1,
		.processes_seen = 1,
		.processes_watched = 1,
		.totals = { .connects = 20 },
	};
	setenv("TZ", "UTC", 1);
	tzset();
}

void made_release(struct made *m)
{
	free(m->text);
}

void made_clear_findings(struct made *m, enum report_status status)
{
	m->report.status = status;
	m->report.finding_count = 0;
}

void made_write(struct made *m, bool colour)
{
	size_t size;
	FILE *out;

	free(m->text);
	m->text = NULL;
	out = open_memstream(&m->text, &size);
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(report_text(&m->report, out, colour), 0);
	ck_assert_int_eq(fclose(out), 0);
}

bool made_says(struct made *m, const char *words)
{
	made_write(m, false);
	return strstr(m->text, words);
}

int made_times(struct made *m, const char *words)
{
	int count = 0;

	made_write(m, false);
	for (char *at = m->text; (at = strstr(at, words)); at++)
		count++;
	return count;
}

const char *made_last_line(struct made *m)
{
	char *end, *start;

	made_write(m, false);
	end = strchr(m->text, '\0');
	ck_assert(end > m->text && end[-1] == '\n');
	end[-1] = '\0';
	start = strrchr(m->text, '\n');
	return start ? start + 1 : m->text;
}

const char *long_name(const char *part, size_t size)
{
	static char names[LONG_NAMES][LONG_SIZE];
	static size_t next;
	char *name = names[next++ % LONG_NAMES];

	*name = '\0';
	while (strlen(name) + strlen(part) < size && size <= LONG_SIZE)
		strcat(name, part);
	return name;
}
