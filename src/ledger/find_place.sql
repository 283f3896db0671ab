    IF EXISTS (SELECT 1 FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND p.proname OPERATOR(pg_catalog.=) '{function}'
            AND {takes_json} AND p.prosecdef
            AND {calls_if}
            AND {function_owner_is_trusted} AND {schema_owner_is_trusted}
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
    THEN
        PERFORM dms_proxy.{function}({arguments});
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
                THEN 'there is no table dms_proxy.{name}, and it may not be created'
            END
            INTO fault FROM pg_catalog.pg_namespace n
            WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy';
        IF fault IS NULL THEN
            PERFORM pg_catalog.pg_advisory_xact_lock({lock});
            IF NOT EXISTS ({table_fault}) THEN
                {table};
                REVOKE ALL ON TABLE dms_proxy.{name} FROM PUBLIC;
            END IF;
        END IF;
    END IF;
    IF fault IS NULL THEN
        fault := ({table_fault});
    END IF;
    IF fault IS NULL AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND c.relname OPERATOR(pg_catalog.=) '{name}'
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND {may_write})
    THEN
        fault := 'dms_proxy.{name} may not be written to';
    END IF;
    IF fault IS NULL THEN
        LOCK TABLE ONLY dms_proxy.{name} IN {lock_mode} MODE;
        fault := ({table_fault});
    END IF;
