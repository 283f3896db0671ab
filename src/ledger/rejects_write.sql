DECLARE
    added pg_catalog.json := {rows}::pg_catalog.json;
    about pg_catalog.json;
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
    IF EXISTS (SELECT 1 FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND p.proname OPERATOR(pg_catalog.=) 'note_rejects'
            AND p.proargtypes[0] OPERATOR(pg_catalog.=) 'pg_catalog.json'::pg_catalog.regtype
            AND p.proargtypes[1] OPERATOR(pg_catalog.=) 'pg_catalog.json'::pg_catalog.regtype
            AND p.pronargs OPERATOR(pg_catalog.=) 2 AND p.prosecdef
            AND {function_owner_is_trusted} AND {schema_owner_is_trusted}
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
    THEN
        PERFORM dms_proxy.note_rejects(about, added);
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy')
    THEN
        IF pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') THEN
            PERFORM pg_catalog.pg_advisory_xact_lock({lock});
            IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n
                WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy')
            THEN
                CREATE SCHEMA dms_proxy;
                REVOKE ALL ON SCHEMA dms_proxy FROM PUBLIC;
            END IF;
        ELSE
            fault := 'there is no schema dms_proxy, and it may not be created';
        END IF;
    END IF;
    IF fault IS NULL AND NOT EXISTS ({table_fault}) THEN
        SELECT CASE
            WHEN NOT {schema_owner_is_trusted}
                THEN pg_catalog.format('schema dms_proxy belongs to role %I',
                    pg_catalog.pg_get_userbyid(n.nspowner))
            WHEN NOT pg_catalog.has_schema_privilege(n.oid, 'CREATE')
                THEN 'there is no table dms_proxy.rejected_rows, and it may not be created'
            END
            INTO fault FROM pg_catalog.pg_namespace n
            WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy';
        IF fault IS NULL THEN
            PERFORM pg_catalog.pg_advisory_xact_lock({lock});
            IF NOT EXISTS ({table_fault}) THEN
                {table};
                REVOKE ALL ON TABLE dms_proxy.rejected_rows FROM PUBLIC;
            END IF;
        END IF;
    END IF;
    IF fault IS NULL THEN
        fault := ({table_fault});
    END IF;
    IF fault IS NULL AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND c.relname OPERATOR(pg_catalog.=) 'rejected_rows'
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND pg_catalog.has_table_privilege(c.oid, 'INSERT'))
    THEN
        fault := 'dms_proxy.rejected_rows may not be written to';
    END IF;
    IF fault IS NULL THEN
        LOCK TABLE ONLY dms_proxy.rejected_rows IN ROW EXCLUSIVE MODE;
        fault := ({table_fault});
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = '42501';
    END IF;
{add}
END
