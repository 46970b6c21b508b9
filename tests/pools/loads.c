/* SPDX-License-Identifier: MIT */
/*
 * loads PROGRAM.so [ARG]... - runs the main() of a program that is a library,
 * twice, and closes it in between
 */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	int (*run)(int, char **);
	void *library;

	for (int i = 0; i < 2; i++) {
		library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
		if (!library) {
			puts(dlerror());
			return 1;
		}
		*(void **)&run = dlsym(library, "run_main");
		run(argc - 1, argv + 1);
		dlclose(library);
	}
	return 0;
}
