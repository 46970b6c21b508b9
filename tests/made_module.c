/* SPDX-License-Identifier: MIT */
#include "tests/made_module.h"

#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <stdlib.h>

struct arena arena;
struct symbols *symbols;
struct report_frame *frames;

static const uint8_t build_id[20] = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6,
				      0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad,
				      0xae, 0xaf, 0xb0, 0xb1, 0xb2, 0xb3 };

/* clang-format off */
static const char c_code[] =
	"#include <setjmp.h>\n"
	"#define APART __attribute__((noinline, noclone))\n"
	"#define INLINED static inline __attribute__((always_inline))\n"
	"void *seen;\n"
	"static jmp_buf back;\n"
	"APART void remember(void) { seen = __builtin_return_address(0); }\n"
	"APART __attribute__((noreturn)) void leave(void)\n"
	"{ seen = __builtin_return_address(0); longjmp(back, 1); }\n"
	"INLINED int inner(void) {\n"
	"#line 110\n"
	"	remember(); return 1; }\n"
	"INLINED int middle(void) {\n"
	"#line 120\n"
	"	return inner() + 1; }\n"
	"APART int outer(void) {\n"
	"#line 130\n"
	"	return middle() + 1; }\n"
	"APART int plain(void) {\n"
	"#line 140\n"
	"	remember(); return 1; }\n"
	"APART void ends_in_a_call(void) {\n"
	"#line 150\n"
	"	leave(); }\n"
	"APART int behind_it(void) {\n"
	"#line 160\n"
	"	return 1; }\n"
	"APART static int hidden(void) {\n"
	"#line 170\n"
	"	remember(); return 1; }\n"
	"int call_hidden(void) { return hidden() + 1; }\n"
	"int call_ends_in_a_call(void)\n"
	"{ if (!setjmp(back)) ends_in_a_call(); return 1; }\n";

static const char cxx_code[] =
	"#define APART __attribute__((noinline))\n"
	"extern \"C\" { void *seen; }\n"
	"APART void remember() { seen = __builtin_return_address(0); }\n"
	"namespace shop { template <typename T> struct shelf {\n"
	"	APART T take(T x) { remember(); return x; } }; }\n"
	"template struct shop::shelf<int>;\n"
	"namespace shop { namespace {\n"
	"	APART int hidden(int x) { remember(); return x; } } }\n"
	"extern \"C\" int call_template()\n"
	"{ shop::shelf<int> s; return s.take(1) + 1; }\n"
	"extern \"C\" int call_hidden()\n"
	"{ return shop::hidden(1) + 1; }\n";
/* clang-format on */

static void setup(void)
{
	scratch_make();
	arena_init(&arena);
	symbols = symbols_new();
	frames = NULL;
}

static void teardown(void)
{
	symbols_free(symbols);
	arena_release(&arena);
	scratch_remove();
}

TCase *module_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	suite_add_tcase(suite, tcase);
	return tcase;
}

void run(const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	ck_assert_int_eq(
		system(arena_printf(&arena, "cd %s && %s", scratch, command)),
		0);
}

/*
 * One function behind the other, in the order of the source.  The names are
 * those of the library, whatever the test program exports.
 */
void compile_other(const char *code, const char *flags)
{
	scratch_write("code.c", code);
	run("cc -shared -fPIC -O2 -Wl,-Bsymbolic -fno-reorder-functions "
	    "-fno-toplevel-reorder -falign-functions=1 %s -o lib.so code.c",
	    flags);
}

void compile(const char *flags)
{
	compile_other(c_code, flags);
}

void compile_cxx(const char *flags)
{
	scratch_write("code.cc", cxx_code);
	run("c++ -shared -fPIC -O2 -Wl,-Bsymbolic %s -o lib.so code.cc", flags);
}

/* In lib.so; `ret_bias` is what was added to its addresses. */
static void *symbol_in(const char *name, uint64_t *ret_bias)
{
	void *library = dlopen(scratch_path("lib.so"), RTLD_NOW | RTLD_LOCAL);
	struct link_map *map;
	void *symbol;

	ck_assert_msg(library != NULL, "%s", dlerror());
	ck_assert_int_eq(dlinfo(library, RTLD_DI_LINKMAP, &map), 0);
	symbol = dlsym(library, name);
	ck_assert_ptr_nonnull(symbol);
	*ret_bias = map->l_addr;
	return symbol;
}

uint64_t address_of(const char *symbol)
{
	uint64_t bias;
	const void *address = symbol_in(symbol, &bias);

	return (uint64_t)(uintptr_t)address - bias;
}

uint64_t call_in(const char *function)
{
	uint64_t bias;
	void **seen = symbol_in("seen", &bias);
	int (*call)(void);

	*(void **)&call = symbol_in(function, &bias);
	call();
	return (uint64_t)(uintptr_t)*seen - bias;
}

static size_t look_up_recorded(const struct symbols_module *module,
			       uint64_t offset)
{
	size_t i, count;

	count = symbols_frames(symbols, &arena, module, offset, &frames);
	ck_assert_uint_ge(count, 1);
	for (i = 0; i < count; i++) {
		ck_assert_str_eq(frames[i].module, module->path);
		ck_assert_uint_eq(frames[i].offset, offset);
	}
	return count;
}

size_t look_up(const char *name, uint64_t offset)
{
	const struct symbols_module module = {
		.path = scratch_path(name),
		.build_id = build_id,
		.build_id_size = sizeof(build_id),
	};

	return look_up_recorded(&module, offset);
}

size_t look_up_without_id(const char *name, uint64_t offset)
{
	const struct symbols_module module = { .path = scratch_path(name) };

	return look_up_recorded(&module, offset);
}

void check_frame(size_t i, const char *function, int line, bool inlined)
{
	ck_assert_str_eq(frames[i].function, function);
	ck_assert_str_eq(frames[i].file, scratch_path("code.c"));
	ck_assert_int_eq(frames[i].line, line);
	ck_assert_int_eq(frames[i].inlined, inlined);
	ck_assert_int_eq(frames[i].trouble, TROUBLE_NONE);
	ck_assert_str_eq(frames[i].language, "c");
}

void check_nothing_known(size_t count, enum report_trouble trouble)
{
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(frames[0].trouble, trouble);
	ck_assert_ptr_null(frames[0].function);
	ck_assert_ptr_null(frames[0].file);
	ck_assert_int_eq(frames[0].line, 0);
	ck_assert(!frames[0].inlined);
}
