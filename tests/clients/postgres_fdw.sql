-- SPDX-License-Identifier: MIT
--
-- A session that reads a foreign table.  The connection for that is kept; with
-- `mode` leak until the session's end.
SELECT count(*) > 0 AS found FROM theirs;
SELECT :'mode' = 'clean' AS clean \gset
\if :clean
	SELECT postgres_fdw_disconnect_all();
\endif
