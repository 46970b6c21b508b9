/* SPDX-License-Identifier: MIT */
#include "preload/around.h"

#include "preload/guard.h"
#include "preload/lifecycle.h"
#include "preload/readable.h"
#include "preload/recording.h"

#define IN_REGISTERS 6 /* arguments */

static uint64_t argument(const struct stub_frame *frame, unsigned number)
{
	const struct stub_registers *called = &frame->called;
	const uint64_t in_registers[IN_REGISTERS] = {
		called->rdi, called->rsi, called->rdx,
		called->rcx, called->r8,  called->r9,
	};
	uint64_t word = 0;

	if (number <= IN_REGISTERS)
		return in_registers[number - 1];
	/* The rule may be mistaken, and there be nothing. */
	readable_copy((uintptr_t)&frame->on_stack[number - IN_REGISTERS - 1],
		      sizeof(word), &word);
	return word;
}

/* False if the rule is mistaken, and nothing is where it points. */
static bool read_word(const struct stub_frame *frame, struct rule_word word,
		      uint64_t *ret)
{
	*ret = 0;
	switch ((enum rule_where)word.where) {
	case RULE_NOWHERE:
		break;
	case RULE_RETURN:
		*ret = frame->returned.rax;
		break;
	case RULE_ARGUMENT:
		*ret = argument(frame, word.argument);
		break;
	case RULE_POINTED:
		return readable_copy(argument(frame, word.argument), word.bytes,
				     ret);
	}
	*ret = rule_word_cut(word, *ret);
	return true;
}

struct words {
	uint64_t first, second;
	bool pair;
};

static bool read_words(const struct stub_frame *frame,
		       const struct rule_value *value, struct words *ret)
{
	ret->pair = value->second.where != RULE_NOWHERE;
	return read_word(frame, value->first, &ret->first) &&
	       read_word(frame, value->second, &ret->second);
}

static struct lease_pool pool_of(const struct stub_frame *frame,
				 const struct around_rule *rule)
{
	struct words words = { .first = 0 };

	read_words(frame, &rule->rule->pool, &words);
	return (struct lease_pool){
		.object = (const void *)(uintptr_t)words.first,
		.rule = rule->number,
		.function = rule->function,
		.built_in = rule->built_in,
		.knows_only = rule->rule->knows_only,
	};
}

/* What an acquire has come to; what *argN says is not read if in vain. */
static enum lease_end end_of(const struct stub_frame *frame,
			     const struct rule *rule, struct words *words)
{
	const uint64_t returned = frame->returned.rax;

	*words = (struct words){ .first = 0 };
	if (rule->ok != RULE_NONNULL && !rule_succeeded(rule, returned, 0, 0))
		return LEASE_ERROR;
	if (!read_words(frame, &rule->handle, words) ||
	    !rule_succeeded(rule, returned, words->first, words->second))
		return LEASE_NOTHING;
	return LEASE_ACQUIRED;
}

static void end_acquire(const struct stub_frame *frame,
			const struct around_rule *rule,
			struct lease_try *attempt)
{
	struct words words;
	const enum lease_end end = end_of(frame, rule->rule, &words);

	leases_tried(attempt, end,
		     lease_key(words.first, words.second, words.pair),
		     rule->function, frame->caller);
}

static void release(const struct stub_frame *frame,
		    const struct around_rule *rule)
{
	const struct lease_pool pool = pool_of(frame, rule);
	struct words words;

	if (read_words(frame, &rule->rule->handle, &words))
		leases_releasing(
			&pool, lease_key(words.first, words.second, words.pair),
			rule->function, frame->caller);
}

static void take_capacity(const struct stub_frame *frame,
			  const struct around_rule *rule)
{
	const struct lease_pool pool = pool_of(frame, rule);
	const uint64_t object = (uint64_t)(uintptr_t)pool.object;
	uint64_t value;

	if (rule_succeeded(rule->rule, frame->returned.rax, object, 0) &&
	    read_word(frame, rule->rule->value.first, &value) &&
	    value <= INT32_MAX)
		leases_capacity(&pool, value);
}

static void drop_last(struct around_thread *thread)
{
	struct around_call *call = &thread->call[--thread->count];

	if (call->function)
		leases_tried(&call->attempt, LEASE_EXCEPTION, 0, call->function,
			     call->caller);
	leases_leave();
}

/* Frames at or below that one are gone: a longjmp has left them. */
static void drop_left(struct around_thread *thread, const char *frame)
{
	while (thread->count && thread->call[thread->count - 1].frame <= frame)
		drop_last(thread);
}

/* What is called inside of a call has its frame below the stub's. */
void around_notice_left(const void *frame)
{
	struct around_thread *thread = around_thread();
	struct guard guard;

	if (!thread->count ||
	    thread->call[thread->count - 1].frame > (const char *)frame)
		return;
	guard_enter(&guard);
	drop_left(thread, frame);
	guard_leave(&guard);
}

/* The rule of that verb, if it counts: inside other calls only some do. */
static const struct around_rule *rule_of(const struct stub_frame *frame,
					 enum rule_verb verb, bool nested)
{
	const struct around *around = frame->stub->data;
	const struct around_rule *rule = &around->by_verb[verb];

	if (!rule->rule || (nested && !rule->rule->counts_nested))
		return NULL;
	return rule;
}

static void count_loss(void)
{
	struct writer *record = recording_lock();

	if (record)
		recording_lost(record, LOSS_POOL);
	recording_unlock();
}

static struct around_call *add_call(struct around_thread *thread,
				    const struct stub_frame *frame)
{
	struct around_call *call = &thread->call[thread->count++];

	call->frame = (const char *)frame;
	call->serial = ++thread->serial;
	call->caller = frame->caller;
	call->function = NULL;
	return call;
}

static void begin(const struct stub_frame *frame, struct around_call *call,
		  bool nested)
{
	const struct around_rule *releases =
		rule_of(frame, RULE_RELEASE, nested);
	const struct around_rule *acquires =
		rule_of(frame, RULE_ACQUIRE, nested);
	struct lease_pool pool;

	if (releases)
		release(frame, releases);
	if (!acquires)
		return;
	pool = pool_of(frame, acquires);
	call->function = acquires->function;
	leases_try(&call->attempt, &pool);
}

uint64_t around_enters(void *data)
{
	const struct stub_frame *frame = data;
	struct around_thread *thread = around_thread();
	struct around_call *call = NULL;
	struct guard guard;

	if (!lifecycle_ready())
		return 0;
	guard_enter(&guard);
	drop_left(thread, data);
	if (thread->count < AROUND_DEEPEST) {
		const bool nested = thread->count != 0;

		call = add_call(thread, frame);
		leases_enter();
		begin(frame, call, nested);
	} else {
		count_loss();
	}
	guard_leave(&guard);
	return call ? call->serial : 0;
}

/* Inside of it others may have been left by a longjmp that it has caught. */
static struct around_call *find_call(struct around_thread *thread,
				     const struct stub_frame *frame)
{
	unsigned at = thread->count;

	while (at && thread->call[at - 1].serial != frame->state)
		at--;
	if (!at || thread->call[at - 1].frame != (const char *)frame)
		return NULL;
	while (thread->count > at)
		drop_last(thread);
	return &thread->call[at - 1];
}

/* It was taken for left while its stack was not in use. */
static struct around_call *begin_again(struct around_thread *thread,
				       const struct stub_frame *frame)
{
	const struct around_rule *acquires =
		rule_of(frame, RULE_ACQUIRE, false);
	struct around_call *call;
	struct lease_pool pool;

	if (!acquires || thread->count == AROUND_DEEPEST)
		return NULL;
	call = add_call(thread, frame);
	leases_enter();
	pool = pool_of(frame, acquires);
	call->function = acquires->function;
	leases_try(&call->attempt, &pool);
	return call;
}

static void end(const struct stub_frame *frame, struct around_call *call,
		bool nested)
{
	const struct around_rule *capacity =
		rule_of(frame, RULE_CAPACITY, nested);

	if (call->function)
		end_acquire(frame, rule_of(frame, RULE_ACQUIRE, false),
			    &call->attempt);
	if (capacity)
		take_capacity(frame, capacity);
}

uint64_t around_leaves(void *data)
{
	const struct stub_frame *frame = data;
	struct around_thread *thread = around_thread();
	struct around_call *call;
	struct guard guard;

	guard_enter(&guard);
	call = find_call(thread, frame);
	if (!call)
		call = begin_again(thread, frame);
	if (call) {
		end(frame, call, thread->count > 1);
		thread->count--;
		leases_leave();
	}
	guard_leave(&guard);
	return 0;
}

void around_is_left(struct stub_frame *frame)
{
	struct around_thread *thread = around_thread();
	struct guard guard;

	guard_enter(&guard);
	if (find_call(thread, frame))
		drop_last(thread);
	guard_leave(&guard);
}
