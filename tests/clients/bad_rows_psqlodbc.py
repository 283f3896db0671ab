"""Loads in which each tenth row is too long, with psqlODBC through pyodbc: parameters row by row, prepared on the server or
not, rolling back all or nothing, within a transaction and without. Prints the tables. Arguments: host port user database."""

import os
import sys

import pyodbc

host, port, user, database = sys.argv[1:5]
here = os.path.dirname(os.path.abspath(__file__))
driver = os.path.realpath(os.path.join(here, "..", ".setup", "lib", "psqlodbcw.so"))
pyodbc.pooling = False
ROWS = [(n, "too long" if n % 10 == 7 else "v") for n in range(100)]


def load(table, prepare, protocol, autocommit):
    keys = {"Driver": driver, "Server": host, "Port": port, "Uid": user, "Database": database}
    keys |= {"UseServerSidePrepare": prepare, "Protocol": protocol}
    conn = pyodbc.connect(";".join(f"{key}={value}" for key, value in keys.items()), autocommit=autocommit)
    cursor = conn.cursor()
    cursor.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v varchar(5))")
    cursor.executemany(f"INSERT INTO {table} VALUES (?, ?)", ROWS)
    if not autocommit:
        conn.commit()
    conn.close()
    print(table)


for prepare in "01":
    for savepoints in "01":
        for autocommit in (False, True):
            name = f"rows_{prepare}_{savepoints}_{'alone' if autocommit else 'within'}"
            load(name, prepare, f"7.4-{savepoints}", autocommit)
