/* SPDX-License-Identifier: MIT */
#include "preload/departure.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "preload/config.h"
#include "preload/line.h"
#include "preload/memory.h"
#include "preload/recording.h"

/* An ordinary program with us in its environment says itself that it runs. */
static const char *word_for(const struct image *image, bool carried)
{
	if (!carried)
		return "bare";
	return image->kind != IMAGE_ORDINARY || image->privileged ? "exec"
								  : NULL;
}

void departure_plan(struct departure *out, const struct program *program,
		    char *const *environment)
{
	const bool named = preloads_names_shim(environment);
	const bool reached = preloads_reaches_shim(environment);
	const bool recorded = config_names_folder(environment);

	memset(out, 0, sizeof(*out));
	out->time = line_now();
	out->found = !program_look(program, &out->image);
	if (!out->found)
		out->image.kind = IMAGE_UNREADABLE;
	out->logged = word_for(&out->image, named && reached && recorded);
	out->change.drop = out->image.kind == IMAGE_FOREIGN || !reached;
	out->change.runtime = out->image.privileged ? "" : out->image.runtime;
	out->room = preloads_room(environment, &out->change);
}

static bool exe_of(pid_t pid, char *out, size_t size)
{
	char link[48] = "/proc/";
	ssize_t length;

	strcpy(line_digits(link + strlen(link), (uint64_t)pid), "/exe");
	length = readlink(link, out, size - 1);
	out[length > 0 ? length : 0] = 0;
	return length > 0;
}

/* What a line takes: not from the stack, which may be a small one. */
struct sheet {
	struct line line;
	char name[PATH_MAX];
};

static void write_line(struct sheet *sheet, const struct departure *departure,
		       const struct program *program, pid_t child)
{
	struct line *line = &sheet->line;
	bool known;

	if (departure->found)
		known = program_name(program, sheet->name, PATH_MAX);
	else
		known = exe_of(child, sheet->name, PATH_MAX);
	if (child)
		line_begin_of(line, departure->logged, child);
	else
		line_begin(line, departure->logged);
	line_number(line, departure->time);
	line_word(line, known ? sheet->name : NULL);
	line_log(line, recording_folder());
}

/*
 * What we have not found the kernel will not either, unless posix_spawn() has
 * gone to another folder first.
 */
void departure_log(const struct departure *departure,
		   const struct program *program, pid_t child)
{
	struct sheet *sheet;

	if (!departure->logged || (!departure->found && !child))
		return;
	sheet = memory_map(sizeof(*sheet));
	if (!sheet)
		return;
	write_line(sheet, departure, program, child);
	memory_unmap(sheet, sizeof(*sheet));
}
