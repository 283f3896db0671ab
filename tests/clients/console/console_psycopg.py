"""Reads the console with psycopg 3: parameters bound by the client (simple protocol) and by the server (extended),
text and binary results, inside of a transaction and by itself. Prints what it has read. Arguments: host port user
database."""

import sys

import psycopg

host, port, user, database = sys.argv[1:5]

for autocommit in (False, True):
    with psycopg.connect(host=host, port=port, user=user, dbname=database, autocommit=autocommit) as conn:
        simple = psycopg.ClientCursor(conn)
        for cursor, binary in ((simple, False), (conn.cursor(), False), (conn.cursor(binary=True), True)):
            cursor.execute("SHOW TABLES LIKE 'shown'", binary=binary)
            columns = [column.name for column in cursor.description]
            for row in cursor:
                row = dict(zip(columns, row))
                print("table", row["schema"], row["table"], row["insert_rows"], type(row["rows_per_second"]).__name__)
                print("seen", row["last_activity"].year > 2000)
            cursor.execute("SHOW SESSIONS", binary=binary)
            print("sessions", len(cursor.fetchall()))
        try:
            conn.execute("SELECT 2")
        except psycopg.errors.FeatureNotSupported as error:
            print("refused", error.diag.message_hint)
