SELECT j.schema_name, j.table_name, j.constraint_name, j.referenced_schema, j.referenced_table,
    j.definition, j.comment, j.validated, j.columns, j.join_condition, j.period_condition,
    j.match_full, j.state, j.parked_by,
    pg_catalog.format('%I.%I', j.schema_name, j.table_name) AS table_sql,
    pg_catalog.format('%I', j.constraint_name) AS name_sql,
    pg_catalog.format('%I.%I', j.referenced_schema, j.referenced_table) AS referenced_sql,
    j.parked_at::pg_catalog.text AS parked_at_text,
    COALESCE(t.relkind OPERATOR(pg_catalog.=) 'p', false) AS partitioned,
    COALESCE(f.relkind OPERATOR(pg_catalog.=) 'p', false) AS referenced_partitioned,
    {marker} AS marker
FROM ONLY dms_proxy.fk_journal j
LEFT JOIN pg_catalog.pg_namespace n
    ON n.nspname OPERATOR(pg_catalog.=) j.schema_name::pg_catalog.name
LEFT JOIN pg_catalog.pg_class t ON t.relnamespace OPERATOR(pg_catalog.=) n.oid
    AND t.relname OPERATOR(pg_catalog.=) j.table_name::pg_catalog.name
LEFT JOIN pg_catalog.pg_namespace fn
    ON fn.nspname OPERATOR(pg_catalog.=) j.referenced_schema::pg_catalog.name
LEFT JOIN pg_catalog.pg_class f ON f.relnamespace OPERATOR(pg_catalog.=) fn.oid
    AND f.relname OPERATOR(pg_catalog.=) j.referenced_table::pg_catalog.name
