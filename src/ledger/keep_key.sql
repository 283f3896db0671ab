    -- Of the columns those of the primary key are kept, of rows that have all of them.
    key := ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid
            AND a.attnum OPERATOR(pg_catalog.=) ANY (i.indkey)
        WHERE i.indisprimary AND i.indrelid OPERATOR(pg_catalog.=)
            {relation}::pg_catalog.regclass::pg_catalog.oid);
    added := (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('bytes', (
            SELECT pg_catalog.concat({head}, pg_catalog.string_agg(f.field, {delimiter}
                ORDER BY f.number))
            FROM pg_catalog.json_array_elements_text(e.fields) WITH ORDINALITY f (field, number)
            JOIN pg_catalog.json_array_elements_text(about OPERATOR(pg_catalog.->) 'column_names')
                WITH ORDINALITY c (name, number) ON f.number OPERATOR(pg_catalog.=) c.number
            WHERE c.name OPERATOR(pg_catalog.=) ANY (key)
            HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 AND pg_catalog.count(*)
                OPERATOR(pg_catalog.=) pg_catalog.cardinality(key)::pg_catalog.int8),
        'line', e.line, 'sqlstate', e.sqlstate, 'message', e.message, 'detail', e.detail,
        'constraint_name', e.constraint_name, 'column_name', e.column_name, 'state', e.state))
        FROM pg_catalog.json_to_recordset(added) AS e (fields pg_catalog.json,
            line pg_catalog.int8, sqlstate pg_catalog.text, message pg_catalog.text,
            detail pg_catalog.text, constraint_name pg_catalog.text, column_name pg_catalog.text,
            state pg_catalog.text));
    about := pg_catalog.json_build_object('run', about OPERATOR(pg_catalog.->>) 'run',
        'session', about OPERATOR(pg_catalog.->>) 'session',
        'schema_name', about OPERATOR(pg_catalog.->>) 'schema_name',
        'table_name', about OPERATOR(pg_catalog.->>) 'table_name',
        'operation', about OPERATOR(pg_catalog.->>) 'operation',
        'format', about OPERATOR(pg_catalog.->>) 'format',
        'column_names', (SELECT COALESCE(pg_catalog.json_agg(c.name ORDER BY c.number), '[]'::pg_catalog.json)
            FROM pg_catalog.json_array_elements_text(about OPERATOR(pg_catalog.->) 'column_names')
                WITH ORDINALITY c (name, number)
            WHERE c.name OPERATOR(pg_catalog.=) ANY (key)));
