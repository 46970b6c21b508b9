/* SPDX-License-Identifier: MIT */
/*
 * mod_tickets - what a module of Apache does with the pool of mod_dbd
 *
 *	/acquire	has a connection for as long as the request
 *	/twice		asks for it twice, and has the same one
 *	/open		opens one and closes it
 *	/forget		opens one, comes upon an error, and does not
 *	/hold		opens one, says so by the file signs/held, and
 *			closes it when there is a file signs/go
 *
 * mod_dbd is found as modules find it, by the names of optional functions.
 */
/* Each of Apache's headers wants what is before it. */
/* clang-format off */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <apr_dbd.h>
#include <apr_file_info.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <mod_dbd.h>
/* clang-format on */

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) * dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) * dbd_close;
static APR_OPTIONAL_FN_TYPE(ap_dbd_acquire) * dbd_acquire;

/* What 6 / `by` is, as PostgreSQL sees it; NULL if it does not. */
static const char *ask(request_rec *request, ap_dbd_t *dbd, int by)
{
	apr_dbd_results_t *results = NULL;
	apr_dbd_row_t *row = NULL;
	const char *answer = NULL;
	const char *query = apr_psprintf(request->pool, "SELECT 6 / %d", by);

	if (apr_dbd_select(dbd->driver, request->pool, dbd->handle, &results,
			   query, 0) != 0)
		return NULL;
	while (apr_dbd_get_row(dbd->driver, request->pool, results, &row, -1) ==
	       0)
		answer = apr_pstrdup(request->pool,
				     apr_dbd_get_entry(dbd->driver, row, 0));
	return answer;
}

static const char *borrow(request_rec *request)
{
	ap_dbd_t *dbd = dbd_acquire(request);

	return dbd ? ask(request, dbd, 1) : NULL;
}

static const char *borrow_twice(request_rec *request)
{
	ap_dbd_t *first = dbd_acquire(request);

	return first == dbd_acquire(request) ? "the same" : "two";
}

static const char *tidy(request_rec *request)
{
	ap_dbd_t *dbd = dbd_open(request->pool, request->server);
	const char *answer = dbd ? ask(request, dbd, 2) : NULL;

	if (dbd)
		dbd_close(request->server, dbd);
	return answer;
}

static const char *forget(request_rec *request)
{
	ap_dbd_t *dbd =
		dbd_open(request->pool, request->server); /* at: forget */
	const char *answer;

	if (!dbd)
		return NULL;
	answer = ask(request, dbd, 0);
	if (!answer)
		return "refused";
	dbd_close(request->server, dbd);
	return answer;
}

static int exists(request_rec *request, const char *path)
{
	apr_finfo_t info;

	return apr_stat(&info, path, APR_FINFO_TYPE, request->pool) ==
	       APR_SUCCESS;
}

static const char *hold(request_rec *request)
{
	ap_dbd_t *dbd = dbd_open(request->pool, request->server);
	apr_file_t *file;

	if (!dbd)
		return NULL;
	apr_file_open(&file,
		      ap_server_root_relative(request->pool, "signs/held"),
		      APR_WRITE | APR_CREATE, APR_OS_DEFAULT, request->pool);
	while (!exists(request,
		       ap_server_root_relative(request->pool, "signs/go")))
		apr_sleep(5000);
	dbd_close(request->server, dbd);
	return "held";
}

static const struct {
	const char *path;
	const char *(*answer)(request_rec *);
} pages[] = {
	{ "/acquire", borrow }, { "/twice", borrow_twice }, { "/open", tidy },
	{ "/forget", forget },	{ "/hold", hold },
};

static int handle(request_rec *request)
{
	const char *answer;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(request->uri, pages[i].path) != 0)
			continue;
		answer = pages[i].answer(request);
		ap_set_content_type(request, "text/plain");
		ap_rprintf(request, "%s\n", answer ? answer : "nothing");
		return OK;
	}
	return DECLINED;
}

static void find_mod_dbd(void)
{
	dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
	dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
	dbd_acquire = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_acquire);
}

static void register_hooks(apr_pool_t *pool)
{
	(void)pool;
	ap_hook_optional_fn_retrieve(find_mod_dbd, NULL, NULL, APR_HOOK_MIDDLE);
	ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA tickets_module = {
	STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
#ifdef AP_MODULE_HAS_FLAGS
	AP_MODULE_FLAG_NONE,
#endif
};
