DECLARE
    fault pg_catalog.text;
BEGIN
    fault := ({fault});
    IF fault IS NULL THEN
        LOCK TABLE ONLY dms_proxy.{table} IN {lock_mode} MODE;
        fault := ({fault});
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = '42501';
    END IF;
{check}{add}
END
