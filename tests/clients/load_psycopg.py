"""A fixed load with psycopg 3: text and binary parameters and results, COPY in three formats,
pipeline mode, notices, LISTEN/NOTIFY, errors. Arguments: host port user database."""

import datetime
import decimal
import sys
import uuid

import psycopg
from psycopg import sql

host, port, user, database = sys.argv[1:5]


def connect(**options):
    return psycopg.connect(host=host, port=port, user=user, dbname=database, **options)


def show(label, value):
    print(f"{label}: {value!r}")


ROW = (
    7,
    "naïve \\ 'quoted' ☃",
    b"\x00\x01\xff\\",
    decimal.Decimal("12345.678900"),
    datetime.datetime(2024, 2, 29, 23, 59, 59, 999999),
    uuid.UUID("00010203-0405-0607-0809-0a0b0c0d0e0f"),
    [1, None, 3],
    True,
    2.5,
    None,
)
COLUMNS = "a int, b text, c bytea, d numeric, e timestamp, f uuid, g int[], h bool, i float8, j date"

with connect(autocommit=True) as conn:
    notices = []
    conn.add_notice_handler(lambda n: notices.append((n.severity, n.sqlstate, n.message_primary)))
    conn.execute(f"CREATE TABLE kinds ({COLUMNS})")
    conn.execute("DROP TABLE IF EXISTS absent")
    conn.execute("DO $$ BEGIN RAISE WARNING 'careful %', 1; END $$")
    show("notices", notices)
    places = ",".join(["%s"] * len(ROW))
    binary_places = ",".join(["%b"] * len(ROW))
    show("text insert", conn.execute(f"INSERT INTO kinds VALUES ({places})", ROW).rowcount)
    show("binary insert", conn.execute(f"INSERT INTO kinds VALUES ({binary_places})", ROW).rowcount)
    for binary in (False, True):
        cur = conn.cursor(binary=binary)
        show(f"rows binary={binary}", cur.execute("TABLE kinds").fetchall())
        show("columns", [(c.name, c.type_code, c.type_display) for c in cur.description])
    with conn.cursor() as cur:
        cur.executemany("INSERT INTO kinds (a, b) VALUES (%s, %s)", [(n, f"row {n}") for n in range(500)])
        show("executemany", cur.rowcount)
        for n in range(8):
            cur.execute("SELECT b FROM kinds WHERE a = %s AND b LIKE 'row%%'", (n,), prepare=True)
            show("prepared", cur.fetchone())

with connect() as conn, conn.cursor() as cur:
    cur.execute("CREATE TABLE copied (n int, t text, b bytea)")
    with cur.copy("COPY copied FROM STDIN") as copy:
        for n in range(1000):
            copy.write_row((n, f"tab\t newline\n backslash \\ {n}", bytes([n % 256])))
    show("copy text", cur.rowcount)
    with cur.copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text", "bytea"])
        for n in range(1000, 1500):
            copy.write_row((n, "é" * (n % 40), b"\x00" * (n % 7)))
    show("copy binary", cur.rowcount)
    with cur.copy("COPY copied FROM STDIN WITH (FORMAT csv, HEADER)") as copy:
        copy.write('n,t,b\n1500,"a ""quoted"", value\nof two lines",\\x00ff\n1501,,\n')
    show("copy csv", cur.rowcount)
    cur.execute("SELECT count(*), sum(n), md5(string_agg(t || b::text, '|' ORDER BY n)) FROM copied")
    show("copied", cur.fetchone())
    for form in ("text", "binary", "csv"):
        with cur.copy(f"COPY (SELECT * FROM copied ORDER BY n LIMIT 3) TO STDOUT (FORMAT {form})") as copy:
            show(f"copy out {form}", b"".join(bytes(block) for block in copy))
    conn.commit()

with connect(autocommit=True) as conn:
    with conn.pipeline(), conn.cursor() as cur:
        for n in range(200):
            cur.execute("INSERT INTO kinds (a) VALUES (%s)", (n + 10_000,))
        cur.execute("SELECT count(*) FROM kinds WHERE a >= 10000")
        show("pipeline", cur.fetchone())
    try:
        with conn.pipeline():
            conn.execute("INSERT INTO kinds (a) VALUES (20000)")
            conn.execute("SELECT 1/0")
            conn.execute("INSERT INTO kinds (a) VALUES (20001)")
    except psycopg.Error as error:
        show("pipeline error", (error.sqlstate, str(error)))
    show("after pipeline error", conn.execute("SELECT count(*) FROM kinds WHERE a >= 20000").fetchone())

with connect(autocommit=True) as conn:
    conn.execute("LISTEN news")
    conn.execute("NOTIFY news, 'first'")
    with connect(autocommit=True) as other:
        other.execute("SELECT pg_notify('news', 'second')")
    got = [(n.channel, n.payload) for n in conn.notifies(timeout=20, stop_after=2)]
    show("notifications", got)

for statement in (
    "SELECT * FROM nowhere",
    "SELECT 'x'::int",
    "INSERT INTO kinds (a) VALUES ('not a number')",
    "SELECT 'é' +",
    "COPY copied FROM STDIN BOGUS",
):
    with connect() as conn:
        try:
            conn.execute(statement)
        except psycopg.Error as error:
            d = error.diag
            show(statement, (d.sqlstate, d.severity, d.message_primary, d.message_hint, d.statement_position))

with connect() as conn:
    try:
        with conn.cursor() as cur, cur.copy("COPY copied FROM STDIN") as copy:
            copy.write("1\tfine\t\\N\nnot a number\tx\t\\N\n")
    except psycopg.Error as error:
        show("copy error", (error.diag.sqlstate, error.diag.message_primary, error.diag.context))
    conn.rollback()
    try:
        with conn.cursor() as cur, cur.copy("COPY copied FROM STDIN") as copy:
            copy.write("1\tgiven up\t\\N\n")
            raise KeyError("the client gives up")
    except KeyError:
        conn.rollback()
    show("after copies", conn.execute("SELECT count(*) FROM copied").fetchone())
    conn.execute("SAVEPOINT s")
    try:
        conn.execute(sql.SQL("SELECT {}").format(sql.Identifier("missing")))
    except psycopg.Error as error:
        show("in a savepoint", error.sqlstate)
    conn.execute("ROLLBACK TO s")
    show("status", conn.info.transaction_status.name)
    show("parameters", [conn.info.parameter_status(n) for n in ("client_encoding", "DateStyle", "integer_datetimes")])
