DECLARE
    added pg_catalog.json := {entries}::pg_catalog.json;
    fault pg_catalog.text;
BEGIN
    -- To the end of the transaction, which this statement is.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM pg_catalog.set_config('lock_timeout', '{lock_timeout}', true);
    PERFORM pg_catalog.set_config('client_min_messages', 'warning', true);
    IF EXISTS (SELECT 1 FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND p.proname OPERATOR(pg_catalog.=) 'note_rewrites'
            AND p.proargtypes[0] OPERATOR(pg_catalog.=) 'pg_catalog.json'::pg_catalog.regtype
            AND p.pronargs OPERATOR(pg_catalog.=) 1 AND p.prosecdef
            AND {function_owner_is_trusted} AND {schema_owner_is_trusted}
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
    THEN
        PERFORM dms_proxy.note_rewrites(added);
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
                THEN 'there is no table dms_proxy.rewrites, and it may not be created'
            END
            INTO fault FROM pg_catalog.pg_namespace n
            WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy';
        IF fault IS NULL THEN
            PERFORM pg_catalog.pg_advisory_xact_lock({lock});
            IF NOT EXISTS ({table_fault}) THEN
                {table};
                REVOKE ALL ON TABLE dms_proxy.rewrites FROM PUBLIC;
            END IF;
        END IF;
    END IF;
    IF fault IS NULL THEN
        fault := ({table_fault});
    END IF;
    IF fault IS NULL AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND c.relname OPERATOR(pg_catalog.=) 'rewrites'
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
            AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
            AND pg_catalog.has_table_privilege(c.oid, 'UPDATE'))
    THEN
        fault := 'the table may not be written to';
    END IF;
    IF fault IS NULL THEN
        LOCK TABLE ONLY dms_proxy.rewrites IN SHARE ROW EXCLUSIVE MODE;
        fault := ({table_fault});
    END IF;
    IF fault IS NOT NULL THEN
        RAISE WARNING '%', fault USING ERRCODE = '42501', DETAIL = '{not_written}';
        RETURN;
    END IF;
    -- Tables of older versions of the proxy have no such column.
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND c.relname OPERATOR(pg_catalog.=) 'rewrites'
            AND a.attname OPERATOR(pg_catalog.=) 'rules' AND NOT a.attisdropped)
    THEN
        ALTER TABLE ONLY dms_proxy.rewrites ADD COLUMN rules pg_catalog.text[];
    END IF;
    -- Older versions of the proxy let everybody read it and write to it.
    IF EXISTS (SELECT 1 FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND c.relname OPERATOR(pg_catalog.=) 'rewrites'
            AND a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid
            AND pg_catalog.pg_has_role(c.relowner, 'USAGE'))
    THEN
        REVOKE ALL ON TABLE dms_proxy.rewrites FROM PUBLIC;
    END IF;
{add_entries}
END
