CREATE TABLE {if_not_exists}dms_proxy.rewrites (
    run pg_catalog.text NOT NULL,
    schema_name pg_catalog.text NOT NULL,
    table_name pg_catalog.text NOT NULL,
    column_name pg_catalog.text NOT NULL,
    rule pg_catalog.text NOT NULL,
    road pg_catalog.text NOT NULL,
    count pg_catalog.int8 NOT NULL,
    first_seen pg_catalog.timestamptz NOT NULL,
    last_seen pg_catalog.timestamptz NOT NULL,
    samples pg_catalog.text[] NOT NULL,
    rules pg_catalog.text[],
    sources pg_catalog.text[],
    PRIMARY KEY (run, schema_name, table_name, column_name, rule, road))
