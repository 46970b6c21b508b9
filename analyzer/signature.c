/* SPDX-License-Identifier: MIT */
#include "analyzer/signature.h"

#include <dwarf.h>
#include <string.h>
#include "analyzer/arena.h"

#define LINKS_MAX  64  /* from a type to what it is made of */
#define PARTS_MAX  512 /* of a type */
#define DEEP	   2   /* from a handle to its PGconn */
#define REGISTERS  16  /* bytes of an object that go into registers */
#define WORD	   8
#define CONNECTION "pg_conn"

static bool follow(Dwarf_Die *die, unsigned attribute_name, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, attribute_name, &attribute) &&
	       dwarf_formref_die(&attribute, ret);
}

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(
		dwarf_attr_integrate(die, DW_AT_name, &attribute));
}

static Dwarf_Word number_of(Dwarf_Die *die, unsigned attribute_name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number = 0;

	dwarf_formudata(dwarf_attr_integrate(die, attribute_name, &attribute),
			&number);
	return number;
}

/* --- types --- */

/* One step towards the end; false there. */
static bool descend(struct type *type)
{
	switch (dwarf_tag(&type->die)) {
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		type->depth++;
		break;
	case DW_TAG_typedef:
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
		break;
	default:
		return false;
	}
	if (follow(&type->die, DW_AT_type, &type->die))
		return true;
	type->die = (Dwarf_Die){ 0 }; /* void */
	return false;
}

static enum type_sort sort_of(Dwarf_Die *die)
{
	if (!die->addr)
		return TYPE_VOID;
	switch (dwarf_tag(die)) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		return TYPE_OBJECT;
	case DW_TAG_enumeration_type:
		return TYPE_INTEGER;
	case DW_TAG_base_type:
		break;
	default:
		return TYPE_VOID;
	}
	switch (number_of(die, DW_AT_encoding)) {
	case DW_ATE_boolean:
		return TYPE_BOOLEAN;
	case DW_ATE_float:
	case DW_ATE_complex_float:
		return TYPE_FLOAT;
	default:
		return TYPE_INTEGER;
	}
}

static const char *show(struct arena *arena, const char *name, unsigned depth)
{
	static const char stars[] = "****";

	if (depth >= sizeof(stars))
		depth = sizeof(stars) - 1;
	return arena_printf(arena, "%s%.*s", name, (int)depth, stars);
}

/*
 * What has a destructor of its own is handed over by a pointer to it.  clang
 * says so; of gcc's classes it is seen, and of shared_ptr it is known.
 */
static bool is_by_reference(Dwarf_Die *die, const char *name)
{
	const Dwarf_Word says = number_of(die, DW_AT_calling_convention);
	Dwarf_Die child;

	if (says == DW_CC_pass_by_reference || says == DW_CC_pass_by_value)
		return says == DW_CC_pass_by_reference;
	if (name && !strncmp(name, "shared_ptr<", 11))
		return true;
	if (dwarf_child(die, &child) != 0)
		return false;
	do {
		const char *member = name_of(&child);

		if (dwarf_tag(&child) == DW_TAG_subprogram && member &&
		    *member == '~')
			return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* The first typedef says it as the programmer does. */
static void read_type(struct type *type, struct arena *arena, Dwarf_Die *owner)
{
	*type = (struct type){ .shown = NULL };
	if (!follow(owner, DW_AT_type, &type->die))
		return;
	for (int i = 0; i < LINKS_MAX; i++) {
		if (!type->shown && dwarf_tag(&type->die) == DW_TAG_typedef &&
		    name_of(&type->die))
			type->shown =
				show(arena, name_of(&type->die), type->depth);
		if (!descend(type))
			break;
	}
	type->sort = sort_of(&type->die);
	if (!type->die.addr) {
		type->shown = type->shown ? type->shown
					  : show(arena, "void", type->depth);
		return;
	}
	type->name = name_of(&type->die);
	if (!type->shown)
		type->shown =
			show(arena, type->name ? type->name : "?", type->depth);
	type->bytes = number_of(&type->die, DW_AT_byte_size);
	type->by_reference = type->sort == TYPE_OBJECT && !type->depth &&
			     is_by_reference(&type->die, type->name);
}

bool type_same(const struct type *a, const struct type *b)
{
	if (a->sort != b->sort || a->depth != b->depth)
		return false;
	if (a->sort == TYPE_OBJECT)
		return a->name && b->name && !strcmp(a->name, b->name);
	return a->sort == TYPE_VOID || a->bytes == b->bytes;
}

static bool holds_connection(Dwarf_Die *object, int depth);

/* A member, a base, or what a smart pointer points to. */
static bool leads_to_connection(Dwarf_Die *part, int depth)
{
	struct type type = { .sort = TYPE_VOID };

	switch (dwarf_tag(part)) {
	case DW_TAG_member:
	case DW_TAG_inheritance:
	case DW_TAG_template_type_parameter:
		break;
	default:
		return false;
	}
	if (!follow(part, DW_AT_type, &type.die))
		return false;
	for (int i = 0; i < LINKS_MAX && descend(&type); i++)
		continue;
	if (sort_of(&type.die) != TYPE_OBJECT)
		return false;
	type.name = name_of(&type.die);
	return (type.name && !strcmp(type.name, CONNECTION)) ||
	       holds_connection(&type.die, depth + 1);
}

static bool holds_connection(Dwarf_Die *object, int depth)
{
	Dwarf_Die child;
	int parts = 0;

	if (depth > DEEP || dwarf_child(object, &child) != 0)
		return false;
	do
		if (leads_to_connection(&child, depth))
			return true;
	while (++parts < PARTS_MAX && dwarf_siblingof(&child, &child) == 0);
	return false;
}

bool type_has_connection(const struct type *type)
{
	Dwarf_Die die = type->die;

	if (type->sort != TYPE_OBJECT)
		return false;
	return (type->name && !strcmp(type->name, CONNECTION)) ||
	       holds_connection(&die, 0);
}

/* --- functions --- */

/* What stands in the source: code may have fewer parameters than that. */
static Dwarf_Die declared(const Dwarf_Die *function)
{
	Dwarf_Die die = *function, origin;
	Dwarf_Attribute attribute;

	if (dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
	    dwarf_formref_die(&attribute, &origin))
		return origin;
	return die;
}

/* So many words of its own an argument takes, as System V's ABI has it. */
static unsigned words_of(const struct type *type)
{
	if (type->depth || type->by_reference)
		return 1;
	if (type->sort == TYPE_FLOAT)
		return 0;
	if (type->sort == TYPE_OBJECT && type->bytes > REGISTERS)
		return 0;
	return type->bytes > WORD ? 2 : 1;
}

static void add_parameter(struct signature *s, struct arena *arena,
			  Dwarf_Die *die, unsigned *next)
{
	struct parameter p = { .name = name_of(die) };
	unsigned words;

	read_type(&p.type, arena, die);
	words = words_of(&p.type);
	p.argument = words ? *next : 0;
	*next += words;
	p.is_this = p.name && !strcmp(p.name, "this");
	s->parameters = arena_grow(arena, s->parameters, s->count, sizeof(p));
	s->parameters[s->count++] = p;
}

static bool is_hidden(const struct type *result)
{
	return !result->depth && result->sort == TYPE_OBJECT &&
	       (result->by_reference || result->bytes > REGISTERS);
}

bool signature_read(struct signature *signature, struct arena *arena,
		    struct units *units, Dwarf_Addr address)
{
	struct unit *unit = units_at(units, address);
	struct function *function =
		unit ? scopes_function(&unit->scopes, address) : NULL;
	Dwarf_Die die, child;
	unsigned next = 1;

	*signature = (struct signature){ .count = 0 };
	if (!function)
		return false;
	die = declared(&function->die);
	signature->source = source_at(arena, &unit->die, address, address);
	read_type(&signature->result, arena, &die);
	signature->hidden_result = is_hidden(&signature->result);
	next += signature->hidden_result;
	if (dwarf_child(&die, &child) != 0)
		return true;
	do
		if (dwarf_tag(&child) == DW_TAG_formal_parameter)
			add_parameter(signature, arena, &child, &next);
	while (dwarf_siblingof(&child, &child) == 0);
	return true;
}
