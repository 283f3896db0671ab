"""What the Python scripts have in common: rows from the standard input, the columns of their tables,
values of Python, and rows of COPY. See tests/clients/traps.rs."""

import datetime
import decimal
import sys
import uuid

host, port, user, database, columns, cast = sys.argv[1:7]
COLUMNS = [tuple(column.split(" ", 1)) for column in columns.split(";")]
NAMES = [name for name, _ in COLUMNS]


def field(text):
    return None if text == "-" else bytes.fromhex(text[1:]).decode()


# Each a number and the texts of its values.
ROWS = []
for line in sys.stdin:
    number, *fields = line.split()
    ROWS.append((int(number), *map(field, fields)))


def create(table):
    return f"CREATE TABLE {table} (n int, {', '.join(f'{name} {type}' for name, type in COLUMNS)})"


def insert(table, places):
    """An INSERT with these places for the number and the values."""
    if cast:
        # No other number has a cast to boolean.
        types = ["int"] + [type.replace("boolean", "int::boolean") for _, type in COLUMNS]
        places = [f"({place})::{type}" for place, type in zip(places, types)]
    return f"INSERT INTO {table} VALUES ({', '.join(places)})"


def elements(text):
    return text.split("\x1f") if text else []


def strings(row):
    """Bytes and arrays as such, all else as texts, whatever the column."""
    kinds = {"b": lambda text: bytes.fromhex(text[2:]), "ar": elements}
    return convert(row, kinds)


# The types that a program would have read from its source. A boolean comes as a number.
OWN = {
    "b": lambda text: bytes.fromhex(text[2:]),
    "u": uuid.UUID,
    "ts": datetime.datetime.fromisoformat,
    "tz": datetime.datetime.fromisoformat,
    "bo": int,
    "nu": decimal.Decimal,
    "si": int,
    "bi": int,
    "ar": elements,
}


def own(row, **kinds):
    return convert(row, OWN | kinds)


def convert(row, kinds):
    same = lambda text: text
    values = (None if text is None else kinds.get(name, same)(text) for name, text in zip(NAMES, row[1:]))
    return (row[0], *values)


def array_literal(text):
    quoted = ('"' + e.replace("\\", "\\\\").replace('"', '\\"') + '"' for e in elements(text))
    return "{" + ",".join(quoted) + "}"


def escape_format(text):
    """Bytes in the older spelling of bytea."""
    octets = bytes.fromhex(text[2:])
    plain = lambda octet: chr(octet) if 32 <= octet < 127 else f"\\{octet:03o}"
    return "".join("\\\\" if octet == 0x5C else plain(octet) for octet in octets)


def copy_text(rows, nuls, kinds):
    """Rows of COPY text; the spellings of U+0000 take turns."""
    lines = []
    turn = 0
    for row in rows:
        fields = []
        for value in convert(row, {"ar": array_literal} | kinds):
            if value is None:
                fields.append("\\N")
                continue
            out = ""
            value = str(value)
            for at, character in enumerate(value):
                if character == "\0":
                    spelling = nuls[turn % len(nuls)]
                    turn += 1
                    # A short escape takes a digit behind it.
                    short = len(spelling) in (2, 3) and value[at + 1 : at + 2] in tuple("0123456789abcdefABCDEF")
                    out += nuls[0] if short else spelling
                else:
                    out += {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(character, character)
            fields.append(out)
        lines.append("\t".join(fields) + "\n")
    return "".join(lines).encode()


def copy_csv(rows):
    """Rows of COPY CSV: quoted, where that is needed or where the text could be NULL."""
    lines = []
    for row in rows:
        fields = []
        for value in convert(row, {"ar": array_literal}):
            value = None if value is None else str(value)
            if value is None:
                fields.append("")
            elif value == "" or any(character in value for character in '",\n\r') or value == "\\.":
                fields.append('"' + value.replace('"', '""') + '"')
            else:
                fields.append(value)
        lines.append(",".join(fields) + "\n")
    return "".join(lines).encode()
