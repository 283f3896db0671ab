CREATE TABLE dms_proxy.close_out (
    schema_name pg_catalog.text NOT NULL,
    table_name pg_catalog.text NOT NULL,
    constraint_name pg_catalog.text NOT NULL,
    orphans pg_catalog.int8,
    counted_at pg_catalog.timestamptz NOT NULL,
    counted_by pg_catalog.text NOT NULL,
    command pg_catalog.text NOT NULL)
