/* SPDX-License-Identifier: MIT */
/* Stacks for a person: functions on the left, places on the right. */
#include "analyzer/text.h"

#include <inttypes.h>
#include <string.h>
#include "analyzer/columns.h"
#include "analyzer/naming.h"

#define FRAME_INDENT 6
#define NAME_MIN     36 /* of a function, if its place is as wide */
#define NO_NAME	     "??"

/* Who calls main, or the function of a thread. */
static bool is_start(const struct report_frame *frame)
{
	return naming_is_runtime(frame) ||
	       (frame->function && !strcmp(frame->function, "_start"));
}

static bool is_main(const struct report_frame *frame)
{
	return frame->function && !strcmp(frame->function, "main") &&
	       (!frame->language || *frame->language == 'c');
}

static bool calls_main(const struct report_frame *frame)
{
	return frame->function && naming_is_runtime(frame) &&
	       !strncmp(frame->function, "__libc_start", 12);
}

static size_t site_of(const struct report_stack *stack)
{
	return stack->site < stack->count ? stack->site : 0;
}

/* The frames from here on are how a program or a thread starts. */
static size_t end_of(const struct report_stack *stack)
{
	const size_t site = site_of(stack);
	size_t end;

	for (end = site; end < stack->count; end++) {
		if (is_main(&stack->frames[end]))
			return end + 1;
		/* A main without a name, in a stripped program. */
		if (end > site && calls_main(&stack->frames[end]))
			return end;
	}
	while (end > site + 1 && is_start(&stack->frames[end - 1]))
		end--;
	return end;
}

static bool is_shown(const struct report_stack *stack, size_t index)
{
	return index < end_of(stack) && (index == site_of(stack) ||
					 !naming_is_own(&stack->frames[index]));
}

static const char *place_of(const struct text *t,
			    const struct report_frame *frame)
{
	if (frame->file && *frame->file) {
		const char *path = text_path(t, frame->file);

		return frame->line <= 0 ? path
					: arena_printf(t->arena, "%s:%d", path,
						       frame->line);
	}
	if (frame->module)
		return arena_printf(
			t->arena, "%s+0x%" PRIx64,
			text_safe(t, naming_base(frame->module), ""),
			frame->offset);
	return "generated code";
}

static const char *name_of(const struct text *t,
			   const struct report_frame *frame)
{
	return text_safe(t, frame->function, NO_NAME);
}

/* Where the last pair of parentheses opens, if it holds parameters; or NULL. */
static const char *parameters_of(const char *name)
{
	const char *at = strrchr(name, ')');
	int depth = 0;

	if (!at || (at[1] && at[1] != ' '))
		return NULL; /* "(anonymous namespace)::f", "{lambda()#1}" */
	for (; at > name; at--) {
		depth += (*at == ')') - (*at == '(');
		if (!depth)
			return at;
	}
	return NULL;
}

/* A C++ function is known by its name: its parameters go first. */
static const char *cut_name(const struct text *t, const char *name,
			    size_t width)
{
	const char *parameters = parameters_of(name);

	if (columns_width(name) > width && parameters)
		name = arena_printf(t->arena, "%.*s()",
				    (int)(parameters - name), name);
	return columns_cut(t->arena, name, width);
}

/* Both fit into `room`: the function gives way first, down to NAME_MIN. */
static void share(size_t room, size_t *name, size_t *place)
{
	size_t left;

	if (*name + *place <= room)
		return;
	left = *place < room - NAME_MIN ? room - *place : NAME_MIN;
	if (*name > left)
		*name = left;
	if (*place > room - *name)
		*place = room - *name;
}

const char *text_where(const struct text *t, const struct report_stack *stack,
		       size_t width)
{
	const struct report_frame *frame;
	const char *name, *place;
	size_t name_width, place_width;

	if (!stack->count)
		return NULL;
	frame = &stack->frames[site_of(stack)];
	name = name_of(t, frame);
	place = place_of(t, frame);
	if (!frame->function)
		return columns_cut_path(t->arena, place, width);
	name_width = columns_width(name);
	place_width = columns_width(place);
	share(width - 1, &name_width, &place_width);
	return arena_printf(t->arena, "%s %s", cut_name(t, name, name_width),
			    columns_cut_path(t->arena, place, place_width));
}

static void measure(const struct text *t, const struct report_stack *stack,
		    size_t *ret_name, size_t *ret_place)
{
	*ret_name = *ret_place = 0;
	for (size_t i = 0; i < end_of(stack); i++) {
		const struct report_frame *frame = &stack->frames[i];
		size_t name = columns_width(name_of(t, frame));
		size_t place = columns_width(place_of(t, frame));

		if (!is_shown(stack, i))
			continue;
		if (name > *ret_name)
			*ret_name = name;
		if (place > *ret_place)
			*ret_place = place;
	}
	share(COLUMNS - FRAME_INDENT - 2, ret_name, ret_place);
}

static void write_frame(const struct text *t, const struct report_frame *frame,
			bool is_site, size_t name_width, size_t place_width)
{
	const char *name = cut_name(t, name_of(t, frame), name_width);
	const char *place =
		columns_cut_path(t->arena, place_of(t, frame), place_width);

	if (is_site)
		text_style(t, STYLE_BOLD);
	fprintf(t->out, "%*s%s", FRAME_INDENT, is_site ? "> " : "", name);
	columns_pad(t->out, columns_width(name), name_width + 2);
	fputs(place, t->out);
	if (is_site)
		text_style(t, STYLE_OFF);
	fputc('\n', t->out);
}

void text_stack(const struct text *t, const struct report_stack *stack)
{
	size_t name_width, place_width;

	measure(t, stack, &name_width, &place_width);
	for (size_t i = 0; i < stack->count; i++)
		if (is_shown(stack, i))
			write_frame(t, &stack->frames[i], i == site_of(stack),
				    name_width, place_width);
	if (stack->cut && end_of(stack) == stack->count)
		fprintf(t->out, "%*s(the frames above were not kept)\n",
			FRAME_INDENT, "");
	if (stack->broken)
		fprintf(t->out,
			"%*s(the stack could not be followed further)\n",
			FRAME_INDENT, "");
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_frame(const struct report_frame *a,
		       const struct report_frame *b)
{
	return a->offset == b->offset && a->line == b->line &&
	       same_text(a->module, b->module) &&
	       same_text(a->function, b->function) &&
	       same_text(a->file, b->file);
}

static bool same_stack(const struct report_stack *a,
		       const struct report_stack *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_frame(&a->frames[i], &b->frames[i]))
			return false;
	return true;
}

size_t text_same_stack(const struct report *report, size_t index)
{
	size_t first = 0;

	while (!same_stack(&report->findings[first].stack,
			   &report->findings[index].stack))
		first++;
	return first;
}

/* Modules with a trouble, each once. */
struct nameless {
	const struct report_frame *frames[TEXT_LIST_MAX];
	size_t count, more;
};

static void note_nameless(struct nameless *list,
			  const struct report_frame *frame)
{
	if (frame->trouble == TROUBLE_NONE || !frame->module ||
	    naming_is_runtime(frame) || naming_is_own(frame))
		return;
	for (size_t i = 0; i < list->count; i++)
		if (same_text(list->frames[i]->module, frame->module))
			return;
	if (list->count == TEXT_LIST_MAX)
		list->more++;
	else
		list->frames[list->count++] = frame;
}

static void write_nameless(const struct text *t,
			   const struct report_frame *frame)
{
	static const char *const advice[] = {
		[TROUBLE_NONE] = "",
		[TROUBLE_NO_DEBUG] = "no debug info: install its -dbgsym "
				     "package or build with -g",
		[TROUBLE_NO_FILE] = "file gone: keep the build that ran",
		[TROUBLE_CHANGED] = "replaced since the run: keep the build "
				    "that ran, or run again",
		[TROUBLE_NO_CODE] = "generated code, which has no lines",
	};

	columns_pad(t->out, 0, 4);
	columns_wrap(t->out,
		     arena_printf(t->arena, "%s: %s",
				  text_path(t, frame->module),
				  advice[frame->trouble]),
		     4, 6);
}

static void note_stack(struct nameless *list, const struct report_stack *stack)
{
	for (size_t i = site_of(stack); i < end_of(stack); i++)
		note_nameless(list, &stack->frames[i]);
}

void text_nameless(const struct text *t)
{
	struct nameless list = { .count = 0 };

	for (size_t i = 0; i < text_listed(t->report); i++) {
		const struct report_finding *finding = &t->report->findings[i];

		note_stack(&list, &finding->stack);
		for (size_t j = 0; j < finding->misused_count; j++)
			note_stack(&list, &finding->misused_at[j].stack);
	}
	if (!list.count)
		return;
	fputs("To get function names and lines:\n", t->out);
	for (size_t i = 0; i < list.count; i++)
		write_nameless(t, list.frames[i]);
	if (list.more)
		fprintf(t->out, "    and more modules\n");
	fputc('\n', t->out);
}
