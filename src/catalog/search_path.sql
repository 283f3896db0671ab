SELECT s.number, u.place, u.schema_name, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM (VALUES {subjects}) s (number)
CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.current_schemas(false))
    WITH ORDINALITY u (schema_name, place)
