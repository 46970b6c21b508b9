/* SPDX-License-Identifier: MIT */
/*
 * config - the settings that the shim reads, from the environment
 *
 * The rows of record/settings.def with an S.  They are read once, when the
 * shim is loaded: the program may change its environment later, and getenv()
 * at that time races with it.
 */
#ifndef PRELOAD_CONFIG_H
#define PRELOAD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_FOREVER UINT64_MAX

struct config {
	char folder[512];      /* where records go; "" if there is no place */
	int is_default;	       /* nobody named it: it may have to be made */
	uint64_t record_limit; /* bytes */
	bool static_libpq;     /* hook one that is linked into the program */
	int signal;	       /* that asks for a report; 0 if none does */
	bool report_at_exit;   /* each process is judged when it has ended */
	bool report_unknown;   /* asked for in a way that nobody knows */
	bool scan;	       /* search for what points to handles */
	uint64_t scan_ms;      /* for so long; CONFIG_FOREVER is no bound */
	/* Pool rules, and a file of them; in the environment, as it is now. */
	const char *hook, *hooks;
};

/* Takes the constructor's own envp: getenv() may not work that early. */
void config_read(struct config *out, char *const *environment);

/* Whether an environment says where its records are to go. */
bool config_names_folder(char *const *environment);

/*
 * Makes the default folder, for the user alone.  Returns 0, or a negative
 * errno: -EPERM if what is there is not a folder of the user's own.
 */
int config_make_folder(const struct config *config);

#endif
