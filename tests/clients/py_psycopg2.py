# SPDX-License-Identifier: MIT
#
# py_psycopg2.py clean|forget|leak - its C module is linked with libpq
#
# Python closes what is forgotten; os._exit does not let it.
import os
import sys

import psycopg2

conn = psycopg2.connect("")
with conn.cursor() as cursor:
    cursor.execute("SELECT 6 * 7")
    print(cursor.fetchone()[0], flush=True)
if sys.argv[1] == "leak":
    os._exit(0)
if sys.argv[1] == "clean":
    conn.close()
