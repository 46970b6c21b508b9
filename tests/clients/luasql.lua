-- SPDX-License-Identifier: MIT
--
-- luasql.lua clean|leak - lua-sql-postgres
--
-- os.exit leaves open what it is not asked to close.
local driver = require("luasql.postgres").postgres()
local conn = assert(driver:connect(""))
local cursor = assert(conn:execute("SELECT 6 * 7"))
print(cursor:fetch())
cursor:close()
if arg[1] == "leak" then
	os.exit(0)
end
conn:close()
driver:close()
