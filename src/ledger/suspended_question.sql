DECLARE
    fault pg_catalog.text := 'not there';
    found pg_catalog.text := 'none';
BEGIN
    IF EXISTS (SELECT 1 FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
            AND c.relname OPERATOR(pg_catalog.=) 'suspended_tables'
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
    THEN
        fault := ({table_fault});
    END IF;
    IF fault IS NULL THEN
        LOCK TABLE ONLY dms_proxy.suspended_tables IN ACCESS SHARE MODE;
        fault := ({table_fault});
    END IF;
    IF fault IS NULL THEN
        SELECT CASE WHEN pg_catalog.bool_or(c.oid IS NOT NULL) THEN 'this'
                WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 THEN 'others' END
            INTO found
            FROM ONLY dms_proxy.suspended_tables s
            LEFT JOIN (pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace)
                ON c.relname OPERATOR(pg_catalog.=) s.table_name
                AND n.nspname OPERATOR(pg_catalog.=) s.schema_name
                AND c.oid OPERATOR(pg_catalog.=)
                    pg_catalog.to_regclass({relation})::pg_catalog.oid;
    END IF;
    PERFORM pg_catalog.set_config('dms_proxy.suspended', COALESCE(found, 'none'), true);
END
