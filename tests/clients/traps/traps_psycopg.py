"""The rows by psycopg 3: text and binary parameters, executemany, a pipeline, COPY in each format.

libpq ends a text parameter at its first U+0000, so psycopg refuses one there, and in rows of COPY
text; a value with U+0000 is a binary parameter on every way. See tests/clients/traps.rs."""

import datetime

import psycopg
from psycopg.types.json import Json, Jsonb

import traps

conn = psycopg.connect(
    host=traps.host, port=traps.port, user=traps.user, dbname=traps.database, autocommit=True
)


def as_it_is(text):
    return text


def timestamp(text):
    """Of six digits there is a timestamp, and of nine there is none."""
    return datetime.datetime.fromisoformat(text) if len(text) == 26 else text


def own(row):
    jsons = {"jb": lambda text: Jsonb(text, dumps=as_it_is), "j": lambda text: Json(text, dumps=as_it_is)}
    if not traps.cast:
        # In binary format it has a byte in front, and the column is a text; the server alone would
        # write the JSON anew.
        jsons["jt"] = lambda text: Jsonb(text, dumps=as_it_is) if text else text
    return traps.own(row, **jsons, d9=timestamp)


def needs_binary(value):
    return "\0" in "".join(value) if isinstance(value, list) else isinstance(value, str) and "\0" in value


def places(row, place):
    return ["%b" if needs_binary(value) else place for value in row]


def way(name):
    conn.execute(traps.create(name))
    print(name)
    return name


def execute(name, rows, place, **options):
    for row in rows:
        conn.execute(traps.insert(name, places(row, place)), row, **options)


STRINGS = [traps.strings(row) for row in traps.ROWS]
OWN = [own(row) for row in traps.ROWS]

execute(way("text_strings"), STRINGS, "%t")
execute(way("text_own"), OWN, "%t")
execute(way("binary_strings"), STRINGS, "%b")
execute(way("binary_own"), OWN, "%b")
execute(way("prepared"), OWN, "%s", prepare=True)

name = way("many")
with conn.cursor() as cur:
    for place in ("%s", "%b"):
        rows = [row for row in OWN if any(map(needs_binary, row)) == (place == "%b")]
        cur.executemany(traps.insert(name, [place] * len(OWN[0])), rows)

name = way("pipeline")
with conn.pipeline():
    execute(name, STRINGS, "%b")


def copy(name, options, data, size):
    with conn.cursor() as cur, cur.copy(f"COPY {name} FROM STDIN {options}") as stream:
        for at in range(0, len(data), size):
            stream.write(data[at : at + size])


raw = traps.copy_text(traps.ROWS, ["\0"], {})
copy(way("copy_text_raw"), "", raw, 7)
spellings = ["\\000", "\\x00", "\\0", "\\00", "\\x0"]
escapes = traps.copy_text(traps.ROWS, spellings, {"b": traps.escape_format})
copy(way("copy_text_escapes"), "", escapes, 5)

name = way("copy_text_rows")
with conn.cursor() as cur, cur.copy(f"COPY {name} FROM STDIN") as stream:
    for row in OWN:
        if not any(map(needs_binary, row)):
            stream.write_row(row)

name = way("copy_binary")
types = "int4 text varchar varchar jsonb json text bytea uuid timestamp timestamptz bool numeric int2 int8 varchar text[]"
with conn.cursor() as cur, cur.copy(f"COPY {name} FROM STDIN (FORMAT binary)") as stream:
    stream.set_types(types.split())
    for row in traps.ROWS:
        stream.write_row(traps.own(row, jb=lambda text: Jsonb(text, dumps=as_it_is),
                                   j=lambda text: Json(text, dumps=as_it_is), bo=lambda text: text == "1"))

copy(way("copy_csv"), "(FORMAT csv)", traps.copy_csv(traps.ROWS), 3)
