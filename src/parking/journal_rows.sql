SELECT j.*, format('%I.%I', j.schema_name, j.table_name) AS table_sql,
    format('%I', j.constraint_name) AS name_sql,
    format('%I.%I', j.referenced_schema, j.referenced_table) AS referenced_sql,
    j.parked_at::text AS parked_at_text,
    coalesce(t.relkind = 'p', false) AS partitioned,
    coalesce(f.relkind = 'p', false) AS referenced_partitioned
FROM dms_proxy.fk_journal j
LEFT JOIN pg_namespace n ON n.nspname = j.schema_name
LEFT JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = j.table_name
LEFT JOIN pg_namespace fn ON fn.nspname = j.referenced_schema
LEFT JOIN pg_class f ON f.relnamespace = fn.oid AND f.relname = j.referenced_table
