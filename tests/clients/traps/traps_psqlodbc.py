"""The rows by psqlODBC through pyodbc: parameters bound as SQL_C_WCHAR, SQL_C_CHAR and SQL_C_BINARY, and
by their own types, one by one and as arrays, prepared by the server and written into the statement by
the driver.

The driver takes a text as one that ends at its first U+0000, with or without a proxy. Arrays are texts
to it, and one cut short is none: these rows are left out. See tests/clients/traps.rs."""

import os

import pyodbc

import traps

here = os.path.dirname(os.path.abspath(__file__))
driver = os.path.realpath(os.path.join(here, "..", "..", ".setup", "lib", "psqlodbcw.so"))
pyodbc.pooling = False


def connect(**options):
    keys = {"Driver": driver, "Server": traps.host, "Port": traps.port, "Uid": traps.user, "Database": traps.database}
    keys |= options
    return pyodbc.connect(";".join(f"{key}={value}" for key, value in keys.items()), autocommit=True)


ARRAY = traps.NAMES.index("ar") + 1
ROWS = [row for row in traps.ROWS if "\0" not in (row[ARRAY] or "")]


def with_array(rows):
    """The driver has no arrays; a program writes them itself."""
    literals = (traps.convert(row, {"ar": traps.array_literal})[ARRAY] for row in ROWS)
    return [(*row[:ARRAY], literal, *row[ARRAY + 1 :]) for row, literal in zip(rows, literals)]


STRINGS = with_array([traps.strings(row) for row in ROWS])
# As elements of an array pyodbc does not send bytes as such.
TEXTS = with_array([traps.convert(row, {}) for row in ROWS])
# A timestamp of ODBC has no time zone.
OWN = with_array([traps.own(row, tz=str) for row in ROWS])


def way(conn, name):
    conn.execute(traps.create(name))
    print(name)
    return traps.insert(name, ["?"] * len(STRINGS[0]))


for prepare in ("0", "1"):
    conn = connect(UseServerSidePrepare=prepare)
    for encoding, kind in (("utf-16le", pyodbc.SQL_WCHAR), ("utf-8", pyodbc.SQL_CHAR)):
        conn.setencoding(encoding=encoding, ctype=kind)
        spelled = "wchar" if kind == pyodbc.SQL_WCHAR else "char"
        for name, rows in (("strings", STRINGS), ("own", OWN)):
            insert = way(conn, f"{name}_{spelled}_{prepare}")
            for row in rows:
                conn.execute(insert, *row)
    if prepare == "0":
        # Arrays are bound by the types that the driver tells of the parameters; pyodbc cannot bind the
        # unbounded ones that it tells once the server has prepared them, nor narrow characters.
        conn.setencoding(encoding="utf-16le", ctype=pyodbc.SQL_WCHAR)
        cursor = conn.cursor()
        cursor.fast_executemany = True
        cursor.executemany(way(conn, "fast_many"), TEXTS)
    conn.close()
