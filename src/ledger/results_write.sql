DECLARE
    counted pg_catalog.json := {counted};
    fault pg_catalog.text;
BEGIN
    -- Where there is nothing to note, nothing is made.
    IF NOT {any} AND NOT EXISTS ({table_fault}) THEN
        RETURN;
    END IF;
{find_place}    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = '42501';
    END IF;
    DELETE FROM dms_proxy.close_out c
    USING pg_catalog.json_to_recordset(counted) AS h (s pg_catalog.text, t pg_catalog.text,
        c pg_catalog.text, o pg_catalog.int8)
    WHERE c.schema_name OPERATOR(pg_catalog.=) h.s AND c.table_name OPERATOR(pg_catalog.=) h.t
        AND c.constraint_name OPERATOR(pg_catalog.=) h.c;
    INSERT INTO dms_proxy.close_out (schema_name, table_name, constraint_name, orphans, counted_at,
        counted_by, command)
    SELECT h.s, h.t, h.c, h.o, pg_catalog.clock_timestamp(), current_user, {command}
    FROM pg_catalog.json_to_recordset(counted) AS h (s pg_catalog.text, t pg_catalog.text,
        c pg_catalog.text, o pg_catalog.int8)
    WHERE h.o IS NULL OR h.o OPERATOR(pg_catalog.<>) 0;
END
