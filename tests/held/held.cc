// SPDX-License-Identifier: MIT
// held.h says what this is; here are the places that C++ has.
#include "tests/held/held.h"

#include <any>
#include <array>
#include <deque>
#include <exception>
#include <forward_list>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <stack>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

namespace
{

// Containers that do not finish what they have, destroyed after main.
std::vector<PGconn *> vector;
std::list<PGconn *> list;
std::forward_list<PGconn *> forward_list;
std::deque<PGconn *> deque;
std::map<std::string, PGconn *> map;
std::unordered_map<int, PGconn *> unordered_map;
std::set<PGconn *> set;
std::unordered_set<PGconn *> unordered_set;
std::queue<PGconn *> queue;
std::stack<PGconn *> stack;
std::array<PGconn *, 3> array;
std::optional<PGconn *> optional;
std::variant<int, PGconn *> variant;
std::any any;
std::tuple<char, PGconn *> tuple;
std::function<PGconn *()> function;
std::shared_ptr<PGconn *> shared;
std::weak_ptr<PGconn *> weak;
std::map<int, std::shared_ptr<PGconn *>> shared_map;
std::vector<std::unique_ptr<PGconn *>> unique_vector;
std::promise<PGconn *> promise;
std::exception_ptr exception;

void put_vector(PGconn *conn)
{
	vector.assign(100, nullptr);
	vector[57] = conn;
}

// A place beyond the last element keeps what it had.
void put_popped(PGconn *conn)
{
	if (conn)
		vector.push_back(conn);
	else
		vector.pop_back();
}

void put_list(PGconn *conn)
{
	list.clear();
	for (int i = 0; conn && i < 50; i++)
		list.push_back(i == 44 ? conn : nullptr);
}

void put_forward_list(PGconn *conn)
{
	forward_list.assign(9, nullptr);
	forward_list.front() = conn;
}

void put_deque(PGconn *conn)
{
	deque.assign(2000, nullptr);
	deque[1999] = conn;
}

void put_map(PGconn *conn) { map["a key that is no short string"] = conn; }
void put_unordered_map(PGconn *conn) { unordered_map[1000] = conn; }

void put_set(PGconn *conn)
{
	set.clear();
	set.insert(conn);
}

void put_unordered_set(PGconn *conn)
{
	unordered_set.clear();
	unordered_set.insert(conn);
}

void put_queue(PGconn *conn)
{
	if (conn)
		queue.push(conn);
	else
		queue.front() = nullptr;
}

void put_stack(PGconn *conn)
{
	if (conn)
		stack.push(conn);
	else
		stack.top() = nullptr;
}

// The compiler may not think away what nobody reads.
template <class T> void use(T &place)
{
	__asm__ volatile("" : : "r"(&place) : "memory");
}

void put_array(PGconn *conn)
{
	array[2] = conn;
	use(array);
}

void put_optional(PGconn *conn)
{
	optional = conn;
	use(optional);
}

void put_variant(PGconn *conn)
{
	variant = conn;
	use(variant);
}

void put_any(PGconn *conn)
{
	any = conn;
	use(any);
}

void put_tuple(PGconn *conn)
{
	tuple = { 'x', conn };
	use(tuple);
}

void put_function(PGconn *conn)
{
	const std::string name(40, 'x');

	function = [conn, name] { return name.empty() ? nullptr : conn; };
}

void put_shared(PGconn *conn)
{
	shared = conn ? std::make_shared<PGconn *>(conn) : nullptr;
}

// Nothing but a pointer that does not hold, to a block that is still there.
void put_weak(PGconn *conn)
{
	static std::shared_ptr<PGconn *> *strong;

	if (conn) {
		strong = new std::shared_ptr<PGconn *>(new PGconn *(conn));
		weak = *strong;
	}
	delete strong;
	strong = nullptr;
}

void put_shared_map(PGconn *conn)
{
	shared_map[7] = std::make_shared<PGconn *>(conn);
}

void put_unique_vector(PGconn *conn)
{
	unique_vector.clear();
	unique_vector.push_back(std::make_unique<PGconn *>(conn));
}

void put_promise(PGconn *conn)
{
	promise = std::promise<PGconn *>();
	promise.set_value(conn);
}

void put_exception(PGconn *conn)
{
	exception = std::make_exception_ptr(conn);
}

// Built after the first connect, and so destroyed before much else.
void put_local_static(PGconn *conn)
{
	static std::vector<PGconn *> place(10);

	place[3] = conn;
}

void put_thread_local(PGconn *conn)
{
	static thread_local std::vector<PGconn *> place(10);

	place[3] = conn;
}

// Never destroyed.
void put_new(PGconn *conn)
{
	static auto *const place = new std::map<int, PGconn *>;

	(*place)[3] = conn;
}

struct base {
	virtual ~base() = default;
	long filler[3] = {};
};

struct second {
	virtual ~second() = default;
	PGconn *conn = nullptr;
};

struct derived : base, second {
};

// The pointer is to a base that does not come first.
void put_base(PGconn *conn)
{
	static second *place = new derived;

	place->conn = conn;
}

// An array of objects with destructors: its count comes first.
void put_new_array(PGconn *conn)
{
	static derived *place = new derived[5];

	place[4].conn = conn;
}

// Those that finish it after main: nothing is out then.
struct finish {
	void operator()(PGconn *conn) const { PQfinish(conn); }
};

std::unique_ptr<PGconn, finish> unique_finishing;
std::shared_ptr<PGconn> shared_finishing;
std::vector<std::unique_ptr<PGconn, finish>> vector_finishing;

void put_unique_finishing(PGconn *conn)
{
	if (conn)
		unique_finishing.reset(conn);
	else
		static_cast<void>(unique_finishing.release());
}

void put_shared_finishing(PGconn *conn) { shared_finishing.reset(conn, finish()); }

void put_vector_finishing(PGconn *conn)
{
	vector_finishing.emplace_back(conn);
}

void put_static_finishing(PGconn *conn)
{
	static std::unique_ptr<PGconn, finish> place;

	place.reset(conn);
}

// Waits for ever with the handle in a container on its stack.
void put_thread(PGconn *conn)
{
	std::promise<void> ready;

	std::thread([conn, &ready] {
		std::vector<PGconn *> mine(5);

		mine[3] = conn;
		ready.set_value();
		for (;;)
			std::this_thread::sleep_for(std::chrono::hours(1));
	}).detach();
	ready.get_future().wait();
}

// A closure that nobody has called yet.
void put_deferred(PGconn *conn)
{
	static std::future<PGconn *> place;

	place = std::async(std::launch::deferred, [conn] { return conn; });
}

const held_case cases[] = {
	{ "vector", put_vector, "held", "lost" },
	{ "popped", put_popped, "held", "lost,held" },
	{ "list", put_list, "held", "lost" },
	{ "forward_list", put_forward_list, "held", "lost" },
	{ "deque", put_deque, "held", "lost" },
	{ "map", put_map, "held", "lost" },
	{ "unordered_map", put_unordered_map, "held", "lost" },
	{ "set", put_set, "held", "lost" },
	{ "unordered_set", put_unordered_set, "held", "lost" },
	{ "queue", put_queue, "held", "lost" },
	{ "stack", put_stack, "held", "lost" },
	{ "array", put_array, "held", "lost" },
	{ "optional", put_optional, "held", "lost" },
	{ "variant", put_variant, "held", "lost" },
	{ "any", put_any, "held", "lost" },
	{ "tuple", put_tuple, "held", "lost" },
	{ "function", put_function, "held", "lost" },
	{ "shared", put_shared, "held", "lost" },
	{ "weak", put_weak, "-", "lost" },
	{ "shared_map", put_shared_map, "held", "lost" },
	{ "unique_vector", put_unique_vector, "held", "lost" },
	{ "promise", put_promise, "held", "lost" },
	{ "exception", put_exception, "held", "lost" },
	{ "local_static", put_local_static, "held", "lost" },
	{ "thread_local", put_thread_local, "held,maybe", "lost,maybe" },
	{ "new", put_new, "held", "lost" },
	{ "base", put_base, "held", "lost" },
	{ "new_array", put_new_array, "held", "lost" },
	{ "unique_finishing", put_unique_finishing, "held", "lost" },
	{ "shared_finishing", put_shared_finishing, "held", "-" },
	{ "vector_finishing", put_vector_finishing, "held", "-" },
	{ "static_finishing", put_static_finishing, "held", "-" },
	{ "thread", put_thread, "held", "-" },
	{ "deferred", put_deferred, "held", "lost" },
	{ nullptr, nullptr, nullptr, nullptr },
};

} // namespace

int main(int argc, char **argv)
{
	return held_main(cases, argc, argv);
}
