"""The rows by asyncpg, which asks for the types of parameters and sends all of them binary:
statements, executemany, COPY binary of its own and CSV from a file. See tests/clients/traps.rs."""

import asyncio
import io

import asyncpg

import traps

# It checks what it is given against the type that it was told.
OWN = [traps.own(row, bo=lambda text: text == "1") for row in traps.ROWS]


async def way(conn, name):
    await conn.execute(traps.create(name))
    print(name)
    return name


async def main():
    conn = await asyncpg.connect(
        host=traps.host, port=int(traps.port), user=traps.user, database=traps.database
    )
    # Casts would only repeat the types that it asks for.
    places = ", ".join(f"${number}" for number in range(1, len(OWN[0]) + 1))

    name = await way(conn, "execute")
    for row in OWN:
        await conn.execute(f"INSERT INTO {name} VALUES ({places})", *row)

    name = await way(conn, "prepared")
    statement = await conn.prepare(f"INSERT INTO {name} VALUES ({places})")
    for row in OWN:
        await statement.fetch(*row)

    name = await way(conn, "many")
    await conn.executemany(f"INSERT INTO {name} VALUES ({places})", OWN)

    name = await way(conn, "copy_records")
    await conn.copy_records_to_table(name, records=OWN)

    name = await way(conn, "copy_text")
    await conn.copy_to_table(name, source=io.BytesIO(traps.copy_text(traps.ROWS, ["\0", "\\0", "\\x00"], {})))

    name = await way(conn, "copy_csv")
    await conn.copy_to_table(name, source=io.BytesIO(traps.copy_csv(traps.ROWS)), format="csv")
    await conn.close()


asyncio.run(main())
