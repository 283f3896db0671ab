DECLARE
    about pg_catalog.json;
    fault pg_catalog.text;
BEGIN
    SELECT pg_catalog.json_build_object('run', {run}, 'session', {session},
            'schema_name', n.nspname, 'table_name', c.relname, 'sqlstate', {sqlstate},
            -- Of any kind of change.
            'format', 'sql')
        INTO about FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.oid OPERATOR(pg_catalog.=) {relation}::pg_catalog.regclass::pg_catalog.oid;
{find_place}    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = '42501';
    END IF;
{add}
END
