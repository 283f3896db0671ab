"""Tables of SQLAlchemy and pandas under names in upper case, or under the lower-case ones that rules make of them."""

import sys

import pandas
from sqlalchemy import (
    Column, ForeignKey, Integer, MetaData, Numeric, String, Table, create_engine, inspect, select, text,
)

host, port, user, database, names = sys.argv[1:6]
is_source = names == "source"
schema = "HR" if is_source else "people"


def name(spelled):
    return spelled if is_source else spelled.lower()


def say(*things):
    """What both loads are to print alike."""
    print(*(str(thing).replace("'HR'", "'people'").lower() for thing in things))


engine = create_engine(f"postgresql+psycopg://{user}@{host}:{port}/{database}")
tables = MetaData(schema=schema)
dept = Table(
    name("DEPT"), tables,
    Column(name("DEPT_ID"), Integer, primary_key=True),
    Column(name("NAME"), String(30), unique=True),
)
emp = Table(
    name("EMP"), tables,
    Column(name("EMP_ID"), Integer, primary_key=True),
    Column(name("DEPT_ID"), ForeignKey(dept.c[name("DEPT_ID")])),
    Column(name("PAY"), Numeric(9, 2)),
)
with engine.begin() as connection:
    connection.execute(text(f'CREATE SCHEMA "{schema}"'))
# The second time all of them are there.
tables.create_all(engine)
tables.create_all(engine)
with engine.begin() as connection:
    connection.execute(dept.insert(), [{name("DEPT_ID"): i, name("NAME"): f"d{i}"} for i in range(5)])
    connection.execute(
        emp.insert(),
        [{name("EMP_ID"): i, name("DEPT_ID"): i % 5, name("PAY"): i / 4} for i in range(500)],
    )
    joined = (
        select(emp.c[name("EMP_ID")], dept.c[name("NAME")])
        .join(dept, emp.c[name("DEPT_ID")] == dept.c[name("DEPT_ID")])
        .where(dept.c[name("NAME")] == "d3")
        .order_by(emp.c[name("EMP_ID")])
        .limit(2)
    )
    found = connection.execute(joined)
    assert list(found.keys()) == [name("EMP_ID"), name("NAME")]
    say(found.all())
seen = inspect(engine)
assert seen.has_table(name("EMP"), schema=schema)
columns = seen.get_columns(name("EMP"), schema=schema)
assert [column["name"] for column in columns] == [name("EMP_ID"), name("DEPT_ID"), name("PAY")]
say([(column["name"], column["type"], column["nullable"]) for column in columns])
assert sorted(seen.get_table_names(schema=schema)) == [name("DEPT"), name("EMP")]
frame = pandas.DataFrame({name("A"): [1, 2], name("B_TEXT"): ["x", "y"]})
for if_exists in ["fail", "append", "replace", "append"]:
    frame.to_sql(name("FRAME"), engine, schema=schema, index=False, if_exists=if_exists)
read = pandas.read_sql_table(name("FRAME"), engine, schema=schema)
assert list(read.columns) == [name("A"), name("B_TEXT")]
say(read.values.tolist())
