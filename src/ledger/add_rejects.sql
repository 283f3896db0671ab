    INSERT INTO dms_proxy.rejected_rows (run, at, session, schema_name, table_name, operation,
        column_names, "row", format, line, sqlstate, message, detail, constraint_name, column_name,
        state)
    SELECT h.run, pg_catalog.clock_timestamp(), h.session, h.schema_name, h.table_name,
        h.operation, h.names, pg_catalog.decode(e.bytes, 'hex'), h.format, e.line, e.sqlstate,
        e.message, e.detail, e.constraint_name, e.column_name, e.state
    -- OFFSET keeps the server from making the list of columns once more for each row.
    FROM (SELECT o.*, ARRAY(SELECT c.name
            FROM pg_catalog.json_array_elements_text(o.column_names) WITH ORDINALITY c (name, number)
            ORDER BY c.number) AS names
        FROM pg_catalog.json_to_record(about) AS o (run pg_catalog.text, session pg_catalog.text,
            schema_name pg_catalog.text, table_name pg_catalog.text, operation pg_catalog.text,
            column_names pg_catalog.json, format pg_catalog.text)
        OFFSET 0) AS h
    CROSS JOIN pg_catalog.json_to_recordset(added) AS e (bytes pg_catalog.text,
        line pg_catalog.int8, sqlstate pg_catalog.text, message pg_catalog.text,
        detail pg_catalog.text, constraint_name pg_catalog.text, column_name pg_catalog.text,
        state pg_catalog.text);
