"""A fixed load with asyncpg, which is binary throughout: prepared statements, executemany,
copy_records_to_table, cursors, errors. Arguments: host port user database."""

import asyncio
import datetime
import decimal
import sys

import asyncpg

host, port, user, database = sys.argv[1:5]


def show(label, value):
    print(f"{label}: {value!r}")


async def main():
    conn = await asyncpg.connect(host=host, port=int(port), user=user, database=database)
    show("create", await conn.execute("CREATE TABLE load (n bigint, t text, v numeric, w timestamptz, b bytea, a text[])"))
    statement = await conn.prepare("INSERT INTO load VALUES ($1, $2, $3, $4, $5, $6) RETURNING n, t, v, w, b, a")
    show("parameters", [p.name for p in statement.get_parameters()])
    show("attributes", [(a.name, a.type.name) for a in statement.get_attributes()])
    when = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    for n in range(3):
        row = await statement.fetchrow(n, "é☃" * n, decimal.Decimal(n) / 8, when, bytes(n), ["x", None])
        show("row", tuple(row))
    await conn.executemany("INSERT INTO load (n, t) VALUES ($1, $2)", [(n, f"many {n}") for n in range(1000)])
    show(
        "copy in",
        await conn.copy_records_to_table(
            "load",
            records=[(n, f"copied {n}", decimal.Decimal(n), when, b"\x00", []) for n in range(2000)],
            columns=["n", "t", "v", "w", "b", "a"],
        ),
    )
    show("sums", tuple(await conn.fetchrow("SELECT count(*), sum(n), md5(string_agg(t, ',' ORDER BY n, t)) FROM load")))
    async with conn.transaction():
        taken = []
        async for row in conn.cursor("SELECT n FROM load ORDER BY n, t", prefetch=7):
            taken.append(row["n"])
            if len(taken) == 20:
                break
        show("cursor", taken)
    for sql, *arguments in (("SELECT 1/$1::int", 0), ("SELECT * FROM nowhere",), ("SELECT $1::int +",)):
        try:
            await conn.fetch(sql, *arguments)
        except asyncpg.PostgresError as error:
            show(sql, (error.sqlstate, str(error), error.as_dict().get("position")))
    try:
        async with conn.transaction():
            await conn.executemany("INSERT INTO load (v) VALUES ($1 / 0)", [(1,)])
    except asyncpg.PostgresError as error:
        show("executemany error", error.sqlstate)
    try:
        await conn.copy_records_to_table("nowhere", records=[(1,)])
    except asyncpg.PostgresError as error:
        show("copy error", error.sqlstate)
    await conn.reset()
    show("still usable", await conn.fetchval("SELECT count(*) FROM load"))
    await conn.close()


asyncio.run(main())
