CREATE TABLE {if_not_exists}dms_proxy.suspended_tables (
    schema_name pg_catalog.text NOT NULL,
    table_name pg_catalog.text NOT NULL,
    at pg_catalog.timestamptz NOT NULL,
    run pg_catalog.text NOT NULL,
    session pg_catalog.text NOT NULL,
    sqlstate pg_catalog.text NOT NULL)
