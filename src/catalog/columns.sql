SELECT s.number, a.attnum, n.nspname, c.relname, a.attname, {type_under}, {type_element},
    CASE WHEN d.oid IS NOT NULL THEN b.typtypmod WHEN b.oid IS NOT NULL THEN t.typtypmod
        ELSE a.atttypmod END,
    a.attnotnull, {identity}, {generated},
    {user_type},
    k.indkey::pg_catalog.text
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN (VALUES {subjects}) s (number, schema_name, table_name)
    ON s.table_name OPERATOR(pg_catalog.=) c.relname
JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
LEFT JOIN pg_catalog.pg_type b ON b.oid OPERATOR(pg_catalog.=) t.typbasetype
LEFT JOIN pg_catalog.pg_type d ON d.oid OPERATOR(pg_catalog.=) b.typbasetype
LEFT JOIN pg_catalog.pg_index k ON k.indrelid OPERATOR(pg_catalog.=) c.oid AND k.indisprimary
WHERE CASE WHEN s.schema_name IS NULL THEN pg_catalog.pg_table_is_visible(c.oid)
        WHEN s.schema_name OPERATOR(pg_catalog.=) 'pg_temp'::pg_catalog.name
        THEN n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
        ELSE n.nspname OPERATOR(pg_catalog.=) s.schema_name END
    AND a.attnum OPERATOR(pg_catalog.>) '0'::pg_catalog.int2 AND NOT a.attisdropped
