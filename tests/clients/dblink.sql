-- SPDX-License-Identifier: MIT
--
-- A session that connects to `host`, `port`, `database` with dblink.  With
-- `mode` leak it ends without dblink_disconnect.
SELECT dblink_connect('other', format('host=%s port=%s dbname=%s user=app',
	:'host', :'port', :'database'));
SELECT * FROM dblink('other', 'SELECT 6 * 7') AS t (answer int);
SELECT :'mode' = 'clean' AS clean \gset
\if :clean
	SELECT dblink_disconnect('other');
\endif
