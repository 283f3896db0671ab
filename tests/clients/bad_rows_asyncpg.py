"""Loads in which each tenth row is too long, with asyncpg: copy_records_to_table and executemany. Prints what each load
was told. Arguments: host port user database."""

import asyncio
import sys

import asyncpg

host, port, user, database = sys.argv[1:5]
ROWS = [(n, "too long" if n % 10 == 7 else "v") for n in range(1000)]


async def main():
    conn = await asyncpg.connect(host=host, port=int(port), user=user, database=database)
    for table in ("copied", "copied_within", "many"):
        await conn.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v varchar(5))")
    print("copied", await conn.copy_records_to_table("copied", records=ROWS, columns=["id", "v"]))
    async with conn.transaction():
        said = await conn.copy_records_to_table("copied_within", records=ROWS)
        print("copied_within", said)
    # One pipeline in an implicit transaction.
    await conn.executemany("INSERT INTO many VALUES ($1, $2)", ROWS)
    print("many", await conn.fetchval("SELECT count(*) FROM many"))
    await conn.close()


asyncio.run(main())
