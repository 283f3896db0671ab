SELECT s.number, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    p.proargtypes::pg_catalog.text
FROM (VALUES {subjects}) s (number, schema_name, routine_name)
JOIN pg_catalog.pg_proc p ON p.proname OPERATOR(pg_catalog.=) s.routine_name
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE CASE WHEN s.schema_name IS NULL THEN pg_catalog.pg_function_is_visible(p.oid)
    ELSE n.nspname OPERATOR(pg_catalog.=) s.schema_name END
