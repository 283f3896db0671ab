"""Reads the console with asyncpg, which is binary throughout: prepared statements, and the simple protocol of
execute(). Prints what it has read. Arguments: host port user database."""

import asyncio
import sys

import asyncpg

host, port, user, database = sys.argv[1:5]


async def main():
    conn = await asyncpg.connect(host=host, port=int(port), user=user, database=database)
    statement = await conn.prepare("SHOW TABLES LIKE 'shown'")
    for row in [*await statement.fetch(), await statement.fetchrow(), *await conn.fetch("SHOW TABLES LIKE 'shown'")]:
        print("table", row["schema"], row["table"], row["insert_rows"], type(row["rows_per_second"]).__name__)
        print("seen", row["last_activity"].year > 2000)
    async with conn.transaction():
        rows = [row async for row in conn.cursor("SHOW HELP", prefetch=7)]
        print("cursor", len(rows) == len(await conn.fetch("SHOW HELP")))
    print("simple", await conn.execute("SHOW SESSIONS"))
    try:
        await conn.fetch("SELECT 2")
    except asyncpg.FeatureNotSupportedError as error:
        print("refused", error.hint)
    await conn.close()


asyncio.run(main())
