    INSERT INTO dms_proxy.suspended_tables (schema_name, table_name, at, run, session, sqlstate)
    SELECT h.schema_name, h.table_name, pg_catalog.clock_timestamp(), h.run, h.session, h.sqlstate
    FROM pg_catalog.json_to_record(about) AS h (run pg_catalog.text, session pg_catalog.text,
        schema_name pg_catalog.text, table_name pg_catalog.text, sqlstate pg_catalog.text)
    WHERE NOT EXISTS (SELECT 1 FROM dms_proxy.suspended_tables s
        WHERE s.schema_name OPERATOR(pg_catalog.=) h.schema_name
        AND s.table_name OPERATOR(pg_catalog.=) h.table_name);
