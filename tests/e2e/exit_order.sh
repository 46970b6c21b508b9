# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What is finished late was finished: by a destructor, an exit handler, or
# whatever else runs when main has returned, wherever it is registered.  And a
# connect that has not returned has taken nothing yet.

# shellcheck source=tests/parts.sh
. "$ROOT/tests/parts.sh"

# The same words and status as without connleak, and nothing is found.
clean_at_exit() { # CONNECTS [STATUS]
	expect_status "${2:-0}" ./app >without 2>&1
	says_the_same "${2:-0}" leak_run ./app
	counts "$1" "$1"
	json report.json '[.status, (.findings | length)] | join(" ")' 'clean 0'
	[ "$1" = 0 ] || expect_line without "^finished ${finished:-$1}$"
}

compile_cxx() { # [OPTION]...
	# shellcheck disable=SC2046
	g++ -g -O1 $(pkg-config --cflags libpq) "$@"
}

# A pool that finishes all it has connected in pool_close().
make_pool_header() {
	cat >pool.h <<-'END'
		#include <libpq-fe.h>
		#include <pthread.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>
		static PGconn *pool[100];
		static int pooled;
		static inline void pool_fill(int count)
		{
			while (count--) {
				pool[pooled] = PQconnectdb("");
				if (PQstatus(pool[pooled++]) != CONNECTION_OK)
					abort();
			}
		}
		/* By write: stdio may be gone already. */
		static inline void pool_close(void)
		{
			char line[32];
			int count = pooled;
			while (pooled)
				PQfinish(pool[--pooled]);
			snprintf(line, sizeof(line), "finished %d\n", count);
			if (write(1, line, strlen(line)) < 0)
				abort();
		}
	END
}

# A program whose pool is a library's singleton: the library is linked, or
# loaded while it runs.
make_programs_of() { # LIBRARY
	cat >app.c <<-'END'
		#include <dlfcn.h>
		void use_pool(int count);
		int main(void)
		{
		#ifdef LOADED
			void *library = dlopen(LOADED, RTLD_NOW);
			void (*use_pool)(int);
			*(void **)&use_pool = dlsym(library, "use_pool");
		#endif
			use_pool(3);
			return 0;
		}
	END
	mkdir linked loaded
	compile -o linked/app app.c "$1" -lpq -Wl,-rpath,"$PWD"
	compile -o loaded/app app.c -DLOADED="\"$PWD/$1\""
}

both_are_clean() {
	local way
	for way in linked loaded; do
		cp $way/app .
		clean_at_exit 3
	done
}

make_destructor_library() { # [OPTION]...
	make_pool_header
	compile -shared -fPIC -o libpool.so -I. "$@" -x c - -lpq <<-'END'
		#include "pool.h"
		void use_pool(int count) { pool_fill(count); }
		__attribute__((destructor)) static void end(void) { pool_close(); }
	END
	make_programs_of libpool.so
}

make_static_object_library() { # [OPTION]...
	make_pool_header
	compile_cxx -shared -fPIC -o libpool.so -I. "$@" -x c++ - -lpq <<-'END'
		#include "pool.h"
		struct singleton {
			~singleton() { pool_close(); }
		} singleton;
		extern "C" void use_pool(int count) { pool_fill(count); }
	END
	make_programs_of libpool.so
}

make_local_static_library() { # [OPTION]...
	make_pool_header
	compile_cxx -shared -fPIC -o libpool.so -I. "$@" -x c++ - -lpq <<-'END'
		#include "pool.h"
		struct singleton {
			singleton(int count) { pool_fill(count); }
			~singleton() { pool_close(); }
		};
		extern "C" void use_pool(int count) { static singleton one(count); }
	END
	make_programs_of libpool.so
}

test_a_destructor_function_of_a_library() {
	make_destructor_library
	both_are_clean
}

test_a_destructor_function_of_a_library_that_is_last_to_go() {
	make_destructor_library -Wl,-z,initfirst
	both_are_clean
}

test_a_static_object_of_a_library() {
	make_static_object_library
	both_are_clean
}

test_a_static_object_of_a_library_that_is_last_to_go() {
	make_static_object_library -Wl,-z,initfirst
	both_are_clean
}

test_a_singleton_of_a_library_made_at_its_first_use() {
	make_local_static_library
	both_are_clean
	rm -r linked loaded
	make_local_static_library -Wl,-z,initfirst
	both_are_clean
}

make_app() { # LANGUAGE, its source comes from stdin
	make_pool_header
	if [ "$1" = c ]; then
		compile -I. -o app -x c - -lpq -lpthread
	else
		compile_cxx -I. -o app -x "$1" - -lpq -lpthread
	fi
}

test_static_objects_of_a_program() {
	make_app c++ <<-'END'
		#include "pool.h"
		struct holder {
			holder() { pool_fill(1); }
			~holder() { if (pooled) pool_close(); }
		};
		static holder before_main;
		int main()
		{
			static holder inside;
			pool_fill(1);
			return 0;
		}
	END
	clean_at_exit 3
}

# Before any constructor has run: it is the last to be called.
test_an_exit_handler_that_is_registered_first_of_all() {
	make_app c <<-'END'
		#include "pool.h"
		static void begin(void) { atexit(pool_close); }
		__attribute__((section(".preinit_array"), used))
		static void (*first)(void) = begin;
		int main(void)
		{
			pool_fill(3);
			exit(7);
		}
	END
	clean_at_exit 3 7
}

# One handler registers another, which connects once more.
test_an_exit_handler_that_connects() {
	make_app c <<-'END'
		#include "pool.h"
		static void again(void)
		{
			pool_fill(1);
			pool_close();
		}
		static void end(void)
		{
			pool_close();
			atexit(again);
		}
		int main(void)
		{
			atexit(end);
			pool_fill(2);
			return 0;
		}
	END
	finished=2 clean_at_exit 3
}

test_thread_local_objects() {
	make_app c++ <<-'END'
		#include "pool.h"
		struct holder {
			PGconn *conn = PQconnectdb("");
			~holder() { PQfinish(conn); }
		};
		static thread_local holder mine;
		static void *use(void *unused)
		{
			return PQstatus(mine.conn) == CONNECTION_OK ? unused : NULL;
		}
		int main()
		{
			static char good;
			void *result[4];
			pthread_t threads[4];
			for (auto &thread : threads)
				pthread_create(&thread, NULL, use, &good);
			for (int i = 0; i < 4; i++)
				pthread_join(threads[i], &result[i]);
			puts(use(&good) && result[3] ? "finished 5" : "bad");
			return 0;
		}
	END
	clean_at_exit 5
}

test_a_pthread_key_that_finishes() {
	make_app c <<-'END'
		#include "pool.h"
		static pthread_key_t key;
		static void end(void *conn) { PQfinish(conn); }
		static void *use(void *unused)
		{
			pthread_setspecific(key, PQconnectdb(""));
			return unused;
		}
		int main(void)
		{
			pthread_t thread;
			pthread_key_create(&key, end);
			pthread_create(&thread, NULL, use, NULL);
			pthread_join(thread, NULL);
			puts("finished 1");
			return 0;
		}
	END
	clean_at_exit 1
}

# Nobody answers it: it has not returned when the process ends.
test_a_thread_that_is_connecting_when_main_returns() {
	make_app c <<-'END'
		#include <arpa/inet.h>
		#include "pool.h"
		static char silent[64];
		static void *wait_in_connect(void *unused)
		{
			PQfinish(PQconnectdb(silent));
			puts("it returned");
			return unused;
		}
		int main(void)
		{
			struct sockaddr_in here = { .sin_family = AF_INET };
			socklen_t size = sizeof(here);
			const int fd = socket(AF_INET, SOCK_STREAM, 0);
			pthread_t thread;
			here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
			if (bind(fd, (struct sockaddr *)&here, size) ||
			    listen(fd, 5) ||
			    getsockname(fd, (struct sockaddr *)&here, &size))
				abort();
			snprintf(silent, sizeof(silent), "host=127.0.0.1 port=%d",
				 ntohs(here.sin_port));
			pthread_create(&thread, NULL, wait_in_connect, NULL);
			/* It has connected when this returns. */
			accept(fd, NULL, NULL);
			pool_fill(2);
			pool_close();
			return 0;
		}
	END
	clean_at_exit 2
}

# The last thread ends the process, with all that exit() does.
test_main_that_ends_its_thread_and_not_the_process() {
	make_app c <<-'END'
		#include "pool.h"
		static void *go_on(void *unused)
		{
			usleep(100000);
			pool_fill(2);
			return unused;
		}
		int main(void)
		{
			pthread_t thread;
			atexit(pool_close);
			pool_fill(1);
			pthread_create(&thread, NULL, go_on, NULL);
			pthread_exit(NULL);
		}
	END
	clean_at_exit 3
}

# main is waiting for it: its handlers run in that thread.
test_a_thread_that_calls_exit() {
	make_app c <<-'END'
		#include "pool.h"
		static void *end(void *unused)
		{
			exit(5);
			return unused;
		}
		int main(void)
		{
			pthread_t thread;
			atexit(pool_close);
			pool_fill(3);
			pthread_create(&thread, NULL, end, NULL);
			pthread_join(thread, NULL);
			return 0;
		}
	END
	clean_at_exit 3 5
}

# libpq is on the stack, and so are we, when its connection is finished.
test_an_exit_in_a_callback_of_libpq() {
	make_app c <<-'END'
		#include "pool.h"
		static void end(void *unused, const char *message)
		{
			(void)unused;
			(void)message;
			exit(6);
		}
		int main(void)
		{
			atexit(pool_close);
			pool_fill(2);
			PQsetNoticeProcessor(pool[0], end, NULL);
			PQexec(pool[0], "do $$ begin raise notice 'end'; end $$");
			return 0;
		}
	END
	clean_at_exit 2 6
}
