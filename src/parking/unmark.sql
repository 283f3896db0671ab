SELECT pg_catalog.format('COMMENT ON TABLE %I.%I IS %L', n.nspname, c.relname,
    (SELECT pg_catalog.string_agg(l.line, pg_catalog.chr(10) ORDER BY l.number)
        FROM pg_catalog.unnest(pg_catalog.string_to_array(d.description, pg_catalog.chr(10)))
            WITH ORDINALITY l (line, number)
        WHERE l.line OPERATOR(pg_catalog.<>) $1::pg_catalog.text))
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN pg_catalog.pg_description d ON d.objoid OPERATOR(pg_catalog.=) c.oid
    AND d.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.objsubid OPERATOR(pg_catalog.=) 0
WHERE n.nspname OPERATOR(pg_catalog.=) {schema} AND c.relname OPERATOR(pg_catalog.=) {table}
