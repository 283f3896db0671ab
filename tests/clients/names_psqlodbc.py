"""A load with psqlODBC as AWS DMS does it, under quoted names in upper case, or under the lower-case ones that rules
make of them, and what its catalog functions find."""

import datetime
import decimal
import os
import sys

import pyodbc

host, port, user, database, names = sys.argv[1:6]
is_source = names == "source"
here = os.path.dirname(os.path.abspath(__file__))
driver = os.path.realpath(os.path.join(here, "..", ".setup", "lib", "psqlodbcw.so"))
pyodbc.pooling = False
schema = "HR" if is_source else "people"


def name(spelled):
    return spelled if is_source else spelled.lower()


def quoted(spelled):
    return f'"{name(spelled)}"'


for prepare in ("0", "1"):
    keys = {"Driver": driver, "Server": host, "Port": port, "Uid": user, "Database": database}
    keys["UseServerSidePrepare"] = prepare
    connection = pyodbc.connect(";".join(f"{key}={value}" for key, value in keys.items()))
    cursor = connection.cursor()
    cursor.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
    cursor.execute(f'CREATE SCHEMA "{schema}"')
    table = f'"{schema}".{quoted("EMPLOYEES")}'
    cursor.execute(
        f'CREATE TABLE {table} ({quoted("EMPLOYEE_ID")} INT4 NOT NULL, {quoted("NAME")} VARCHAR(60), '
        f'{quoted("HIRED")} TIMESTAMP, {quoted("PAY")} NUMERIC(9,2), {quoted("PHOTO")} BYTEA)'
    )
    cursor.execute(f'ALTER TABLE {table} ADD PRIMARY KEY ({quoted("EMPLOYEE_ID")})')
    cursor.execute(f"TRUNCATE TABLE {table}")
    columns = ",".join(quoted(spelled) for spelled in ("EMPLOYEE_ID", "NAME", "HIRED", "PAY", "PHOTO"))
    rows = [
        (row, f"n{row}", datetime.datetime(2020, 1, 1, 1, 2, 3), decimal.Decimal("1.25"), b"\x00\xff")
        for row in range(300)
    ]
    # Arrays of parameters, which the driver does not take with statements that the server prepares.
    cursor.fast_executemany = prepare == "0"
    cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES (?,?,?,?,?)", rows)
    cursor.fast_executemany = False
    update = f'UPDATE {table} SET {quoted("NAME")} = ? WHERE {quoted("EMPLOYEE_ID")} = ?'
    cursor.executemany(update, [(f"u{row}", row) for row in range(10)])
    connection.commit()
    place = {"table": name("EMPLOYEES"), "schema": schema}
    print([(row.column_name.lower(), row.type_name) for row in cursor.columns(**place)])
    print([row.table_name.lower() for row in cursor.tables(**place)])
    print([row.column_name.lower() for row in cursor.primaryKeys(**place)])
    cursor.execute(f'SELECT count(*), max({quoted("NAME")}), sum({quoted("PAY")}) FROM {table}')
    print(cursor.fetchall())
    connection.commit()
    connection.close()
