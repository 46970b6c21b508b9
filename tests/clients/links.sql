-- SPDX-License-Identifier: MIT
--
-- What a server needs to be the client of another, at `host`, `port` and
-- `database`.
CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;
CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host :'host', port :'port', dbname :'database');
CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (user 'app');
CREATE FOREIGN TABLE theirs (datname name) SERVER other
	OPTIONS (schema_name 'pg_catalog', table_name 'pg_database');
