"""A pipeline of dlt: a table with JSON and one below it, merged twice. Argument: the credentials."""

import datetime
import decimal
import os
import sys
import tempfile

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

import dlt  # noqa: E402: it reads its settings when it is imported
from dlt.destinations import postgres  # noqa: E402

COLUMNS = {
    "doc": {"data_type": "json"},
    "amount": {"data_type": "decimal", "precision": 12, "scale": 2},
    "raw": {"data_type": "binary"},
    "day": {"data_type": "date"},
    "ratio": {"data_type": "double"},
}
AT = datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone.utc)
ROWS = [
    {
        "id": number,
        "name": f"naïve ☃ {number}",
        "doc": {"k": [number, {"a": None}]},
        "at": AT + datetime.timedelta(hours=number),
        "amount": decimal.Decimal(number) / 4 if number % 2 else None,
        "raw": bytes([0, number, 255]),
        "day": datetime.date(2024, 2, 29),
        "yes": number % 2 == 0,
        "ratio": number / 8,
        "parts": [{"line": line, "sku": f"s{line}"} for line in range(number)],
    }
    for number in range(5)
]
QUERIES = [
    "SELECT id, name, doc->'k', at, amount, encode(raw, 'hex'), day, yes, ratio FROM orders ORDER BY id",
    "SELECT line, sku FROM orders__parts ORDER BY line, sku",
]

with tempfile.TemporaryDirectory() as directory:
    pipeline = dlt.pipeline(
        "shop",
        destination=postgres(credentials=sys.argv[1]),
        dataset_name="shop",
        pipelines_dir=directory,
    )
    for _ in range(2):
        done = pipeline.run(
            ROWS, table_name="orders", columns=COLUMNS, primary_key="id", write_disposition="merge"
        )
        print("failed jobs:", done.has_failed_jobs)
    with pipeline.sql_client() as client:
        for query in QUERIES:
            with client.execute_query(query) as cursor:
                for row in cursor.fetchall():
                    print(row)
