"""Loads in which each tenth row is too long, with psqlODBC through pyodbc: parameters row by row and in arrays, prepared
on the server or not, each way of rolling back, within a transaction and without. Prints the tables. Arguments: host port
user database."""

import os
import sys

import pyodbc

host, port, user, database = sys.argv[1:5]
here = os.path.dirname(os.path.abspath(__file__))
driver = os.path.realpath(os.path.join(here, "..", ".setup", "lib", "psqlodbcw.so"))
pyodbc.pooling = False
ROWS = [(n, "too long" if n % 10 == 7 else "v") for n in range(100)]


def load(table, prepare, protocol, is_array, autocommit):
    keys = {"Driver": driver, "Server": host, "Port": port, "Uid": user, "Database": database}
    keys |= {"UseServerSidePrepare": prepare, "Protocol": protocol}
    conn = pyodbc.connect(";".join(f"{key}={value}" for key, value in keys.items()), autocommit=autocommit)
    cursor = conn.cursor()
    cursor.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v varchar(5))")
    cursor.fast_executemany = is_array
    if is_array:
        # Without this pyodbc takes the length of the column.
        cursor.setinputsizes([(pyodbc.SQL_INTEGER, 0, 0), (pyodbc.SQL_VARCHAR, 50, 0)])
    cursor.executemany(f"INSERT INTO {table} VALUES (?, ?)", ROWS)
    if not autocommit:
        conn.commit()
    conn.close()
    print(table)


for prepare in "01":
    for savepoints in "012":
        for is_array in (False, True):
            for autocommit in (False, True):
                way = "array" if is_array else "rows"
                name = f"{way}_{prepare}_{savepoints}_{'alone' if autocommit else 'within'}"
                load(name, prepare, f"7.4-{savepoints}", is_array, autocommit)
