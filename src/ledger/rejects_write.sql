DECLARE
    added pg_catalog.json := {rows}::pg_catalog.json;
    about pg_catalog.json;
    key pg_catalog.text[];
    options pg_catalog.text := {options};
    fault pg_catalog.text;
BEGIN
    IF pg_catalog.strpos(options, 'ENCODING ') OPERATOR(pg_catalog.=) 0
        AND pg_catalog.current_setting('client_encoding') OPERATOR(pg_catalog.<>) 'UTF8'
    THEN
        options := pg_catalog.concat(options, 'ENCODING ', pg_catalog.quote_literal(
            pg_catalog.current_setting('client_encoding')), ', ');
    END IF;
    options := pg_catalog.rtrim(options, ', ');
    SELECT pg_catalog.json_build_object('run', {run}, 'session', {session},
            'schema_name', n.nspname, 'table_name', c.relname, 'operation', {operation},
            'format', pg_catalog.concat({format}, CASE WHEN options OPERATOR(pg_catalog.<>) ''
                THEN pg_catalog.concat(' (', options, ')') END), 'column_names', {columns})
        INTO about FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.oid OPERATOR(pg_catalog.=) {relation}::pg_catalog.regclass::pg_catalog.oid;
{keep_key}{find_place}    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = '42501';
    END IF;
{add}
END
