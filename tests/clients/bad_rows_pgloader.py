"""Loads in which each tenth row is v, with pgloader: a file of CSV, all of it in one COPY and a hundred rows at a
time. Prints the tables. Arguments: host port user database."""

import os
import subprocess
import sys
import tempfile

host, port, user, database = sys.argv[1:5]

LOAD = """LOAD CSV FROM '{directory}/rows.csv' (id, v)
    INTO postgresql://{user}@{host}:{port}/{database}?{table} (id, v)
    WITH batch rows = {rows}, fields terminated by ','
    SET client_min_messages TO 'warning'
    BEFORE LOAD DO $$ CREATE TABLE {table} (id int PRIMARY KEY, v varchar(5)) $$;
"""

with tempfile.TemporaryDirectory() as directory:
    with open(os.path.join(directory, "rows.csv"), "w", encoding="ascii") as file:
        file.writelines(f"{n},{'too long' if n % 10 == 7 else 'v'}\n" for n in range(1000))
    for table, rows in (("whole", 25000), ("hundreds", 100)):
        script = os.path.join(directory, "load")
        with open(script, "w", encoding="ascii") as file:
            file.write(LOAD.format(**globals()))
        command = ["pgloader", "--root-dir", directory, "--quiet", script]
        done = subprocess.run(command, env=os.environ | {"HOME": directory}, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        if done.returncode or "ERROR" in said or "FATAL" in said:
            sys.exit(said)
        print(table)
