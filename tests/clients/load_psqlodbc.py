"""A fixed load with psqlODBC, the driver that AWS DMS uses, through pyodbc: parameters, prepared
inserts, array inserts, savepoints, errors. Arguments: host port user database."""

import datetime
import decimal
import os
import sys

import pyodbc

host, port, user, database = sys.argv[1:5]
here = os.path.dirname(os.path.abspath(__file__))
driver = os.path.realpath(os.path.join(here, "..", ".setup", "lib", "psqlodbcw.so"))
pyodbc.pooling = False


def show(label, value):
    print(f"{label}: {value!r}")


def connect(**options):
    keys = {"Driver": driver, "Server": host, "Port": port, "Uid": user, "Database": database}
    keys |= options
    return pyodbc.connect(";".join(f"{key}={value}" for key, value in keys.items()))


ROW = (
    1,
    "é ☃ \\ 'quoted'",
    decimal.Decimal("12345.67"),
    datetime.datetime(2024, 2, 29, 23, 59, 59, 123456),
    b"\x00\x01\\\xff",
    2.5,
)

# UseServerSidePrepare and Protocol (7.4-N: the extent of rollback on error) are the settings that
# change what goes over the wire; N = 2 sets a savepoint before every statement.
for prepare in ("0", "1"):
    for protocol in ("7.4-0", "7.4-1", "7.4-2"):
        show("== UseServerSidePrepare, Protocol", (prepare, protocol))
        conn = connect(UseServerSidePrepare=prepare, Protocol=protocol)
        cur = conn.cursor()
        cur.execute("DROP TABLE IF EXISTS load")
        cur.execute("CREATE TABLE load (n int PRIMARY KEY, t text, d numeric(12,2), w timestamp, b bytea, f float8)")
        conn.commit()
        for n in range(30):
            cur.execute("INSERT INTO load VALUES (?, ?, ?, ?, ?, ?)", n, *ROW[1:])
        show("inserted", cur.rowcount)
        cur.executemany("INSERT INTO load (n, t) VALUES (?, ?)", [(n, f"many {n}") for n in range(100, 200)])
        conn.commit()
        cur.fast_executemany = True
        cur.executemany("INSERT INTO load (n, t) VALUES (?, ?)", [(n, f"array {n}") for n in range(200, 400)])
        conn.commit()
        cur.fast_executemany = False
        for n in (1, 2):
            row = cur.execute("SELECT * FROM load WHERE n = ?", n).fetchone()
            show("row", tuple(row))
        show("description", [(c[0], c[1].__name__) for c in cur.description])
        for statement, *values in (
            ("INSERT INTO load (n) VALUES (?)", 1),
            ("SELECT nothing FROM load",),
            ("SELECT 1 / ?", 0),
        ):
            try:
                cur.execute(statement, *values).fetchall()
            except pyodbc.Error as error:
                show(statement, error.args)
            if protocol != "7.4-2":
                conn.rollback()
        show("tables", [row.table_name for row in cur.tables(tableType="TABLE", schema="public")])
        show("columns", [(row.column_name, row.type_name) for row in cur.columns(table="load")])
        cur.execute("UPDATE load SET t = t || ? WHERE n >= ?", "!", 100)
        show("updated", cur.rowcount)
        conn.commit()
        cur.execute("SELECT count(*), sum(n), md5(string_agg(t, ',' ORDER BY n)) FROM load")
        show("sums", tuple(cur.fetchone()))
        conn.close()
