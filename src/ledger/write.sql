DECLARE
    added pg_catalog.json := {entries}::pg_catalog.json;
    own_run pg_catalog.text := {run};
    fault pg_catalog.text;
BEGIN
{place_entries}    -- To the end of the transaction, which this statement is.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM pg_catalog.set_config('lock_timeout', '{lock_timeout}', true);
    PERFORM pg_catalog.set_config('client_min_messages', 'warning', true);
{find_place}    IF fault IS NOT NULL THEN
        IF {is_there} AND NOT {has_run} THEN
            fault := pg_catalog.concat(fault,
                '; it is of an older version: an administrator runs dms-proxy init-target again');
        END IF;
        RAISE WARNING '%', fault USING ERRCODE = '42501', DETAIL = '{not_written}';
        RETURN;
    END IF;
{upgrade}    -- Older versions of the proxy let everybody read it and write to it.
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
