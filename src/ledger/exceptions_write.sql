DECLARE
    added pg_catalog.json := {rows}::pg_catalog.json;
    fault pg_catalog.text;
BEGIN
    IF NOT EXISTS ({table_fault}) THEN
        SELECT pg_catalog.format('%I may not create awsdms_apply_exceptions in schema %I',
                current_user, {schema})
            INTO fault WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n
                WHERE n.nspname OPERATOR(pg_catalog.=) {schema}
                AND pg_catalog.has_schema_privilege(n.oid, 'CREATE'));
        IF fault IS NULL THEN
            PERFORM pg_catalog.pg_advisory_xact_lock({lock});
            IF NOT EXISTS ({table_fault}) THEN
                CREATE TABLE {table} (
                    "TASK_NAME" pg_catalog."varchar"(128) NOT NULL,
                    "TABLE_OWNER" pg_catalog."varchar"(128) NOT NULL,
                    "TABLE_NAME" pg_catalog."varchar"(128) NOT NULL,
                    "ERROR_TIME" pg_catalog."timestamp" NOT NULL,
                    "STATEMENT" pg_catalog.text NOT NULL,
                    "ERROR" pg_catalog.text NOT NULL);
            END IF;
        END IF;
    END IF;
    IF fault IS NULL THEN
        fault := ({table_fault});
    END IF;
    IF fault IS NULL THEN
        LOCK TABLE ONLY {table} IN ROW EXCLUSIVE MODE;
        fault := ({table_fault});
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = '42501';
    END IF;
    INSERT INTO {table} ("TASK_NAME", "TABLE_OWNER", "TABLE_NAME", "ERROR_TIME", "STATEMENT", "ERROR")
    SELECT {task}, n.nspname, c.relname,
        pg_catalog.timezone('UTC', pg_catalog.clock_timestamp()), e.statement, e.error
    FROM pg_catalog.json_to_recordset(added) AS e (statement pg_catalog.text, error pg_catalog.text)
    CROSS JOIN pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) {relation}::pg_catalog.regclass::pg_catalog.oid;
END
