-- SPDX-License-Identifier: MIT
--
-- luasql.lua clean|forget|leak - lua-sql-postgres
--
-- Lua closes what is forgotten; os.exit does not.
local driver = require("luasql.postgres").postgres()
local conn = assert(driver:connect(""))
local cursor = assert(conn:execute("SELECT 6 * 7"))
print(cursor:fetch())
cursor:close()
if arg[1] == "leak" then
	os.exit(0)
end
if arg[1] == "clean" then
	conn:close()
	driver:close()
end
