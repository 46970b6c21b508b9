# SPDX-License-Identifier: MIT
#
# py_psycopg3.py clean|forget|leak - Debian's finds libpq's functions with ctypes
#
# Python closes what is forgotten; os._exit does not let it.
import os
import sys

import psycopg

conn = psycopg.connect("")
print(conn.execute("SELECT 6 * 7").fetchone()[0], flush=True)
if sys.argv[1] == "leak":
    os._exit(0)
if sys.argv[1] == "clean":
    conn.close()
