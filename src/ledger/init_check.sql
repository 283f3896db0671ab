DECLARE
    fault pg_catalog.text;
BEGIN
    SELECT pg_catalog.format('schema dms_proxy belongs to role %I',
            pg_catalog.pg_get_userbyid(n.nspowner))
        INTO fault FROM pg_catalog.pg_namespace n
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy' AND NOT {schema_owner_is_trusted};
    IF fault IS NULL THEN
        fault := ({table_fault});
    END IF;
    IF fault IS NULL THEN
        fault := ({rejects_fault});
    END IF;
    IF fault IS NULL THEN
        fault := ({suspended_fault});
    END IF;
    IF fault IS NULL THEN
        SELECT pg_catalog.format('function %s belongs to role %I', p.oid::pg_catalog.regprocedure,
                pg_catalog.pg_get_userbyid(p.proowner))
            INTO fault FROM pg_catalog.pg_proc p
            JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
            WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
                AND p.proname OPERATOR(pg_catalog.=) ANY
                    (ARRAY['note_rewrites', 'note_rejects', 'note_suspended']
                        ::pg_catalog.name[])
                AND NOT {function_owner_is_trusted};
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = '42501', HINT = 'Look at what is in it, then '
            'drop it, or make it yours: ALTER SCHEMA dms_proxy OWNER TO CURRENT_USER; and the same '
            'for its tables and functions.';
    END IF;
END
