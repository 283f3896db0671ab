"""Loads in which each tenth row is too long, with psycopg 3: COPY as text and binary, executemany with and without a
transaction. Prints how many rows each load was told to have loaded. Arguments: host port user database."""

import sys

import psycopg

host, port, user, database = sys.argv[1:5]
ROWS = [(n, "too long" if n % 10 == 7 else "v") for n in range(1000)]


def load(table, run, autocommit):
    with psycopg.connect(host=host, port=port, user=user, dbname=database, autocommit=autocommit) as conn:
        conn.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v varchar(5))")
        with conn.cursor() as cursor:
            run(cursor, table)
            print(table, cursor.rowcount)


def copy(options, types=None):
    def run(cursor, table):
        with cursor.copy(f"COPY {table} FROM STDIN {options}") as copy:
            if types:
                copy.set_types(types)
            for row in ROWS:
                copy.write_row(row)

    return run


def many(cursor, table):
    cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s)", ROWS)


for autocommit in (False, True):
    suffix = "alone" if autocommit else "within"
    load(f"copy_text_{suffix}", copy(""), autocommit)
    load(f"copy_binary_{suffix}", copy("(FORMAT binary)", ["int4", "varchar"]), autocommit)
    load(f"many_{suffix}", many, autocommit)
