DECLARE
    caller_path text := pg_catalog.current_setting('search_path');
    fk record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF EXISTS ({keys}) THEN
        PERFORM pg_advisory_xact_lock({advisory_lock_key});
        IF NOT EXISTS (SELECT 1 FROM {journal_relation}) THEN
            IF NOT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'dms_proxy') THEN
                CREATE SCHEMA dms_proxy;
            END IF;
            {journal};
        ELSIF NOT EXISTS (SELECT 1 FROM {journal_relation} AND {journal_is_trusted}) THEN
            RAISE EXCEPTION 'dms_proxy.fk_journal belongs to another role'
                USING ERRCODE = '42501', HINT = 'Park as the role that owns it.';
        END IF;
        -- Always in the same order, so that two who lock do not wait for each other. A table that
        -- may not be locked by itself is locked when its constraint is dropped.
        FOR fk IN SELECT DISTINCT r.oid, r.oid::regclass AS name, r.relkind FROM pg_class r
            JOIN ({keys}) k ON r.oid IN (k.conrelid, k.confrelid)
            WHERE has_table_privilege(r.oid, 'UPDATE, DELETE, TRUNCATE')
                AND has_schema_privilege(r.relnamespace, 'USAGE') ORDER BY r.oid
        LOOP
            EXECUTE format('LOCK TABLE %s%s IN ACCESS EXCLUSIVE MODE',
                CASE WHEN fk.relkind = 'p' THEN '' ELSE 'ONLY ' END, fk.name);
        END LOOP;
        FOR fk IN SELECT * FROM ({keys}) k ORDER BY schema_name, table_name, constraint_name
        LOOP
            IF EXISTS (SELECT 1 FROM pg_trigger WHERE tgconstraint = fk.constraint_oid
                AND tgenabled <> 'O') THEN
                RAISE EXCEPTION 'triggers of foreign key % on %.% were disabled or changed',
                    fk.constraint_name, fk.schema_name, fk.table_name
                    USING ERRCODE = '55000', HINT = 'Enable them; a restored foreign key has them on.';
            END IF;
            UPDATE dms_proxy.fk_journal j SET referenced_schema = fk.referenced_schema,
                referenced_table = fk.referenced_table, definition = fk.definition,
                comment = fk.comment, validated = fk.validated OR j.state = 'added',
                columns = fk.columns, join_condition = fk.join_condition,
                period_condition = fk.period_condition, match_full = fk.match_full,
                state = 'parked', parked_at = now(), parked_by = session_user
            WHERE j.schema_name = fk.schema_name AND j.table_name = fk.table_name
                AND j.constraint_name = fk.constraint_name;
            IF NOT FOUND THEN
                INSERT INTO dms_proxy.fk_journal (schema_name, table_name, constraint_name,
                    referenced_schema, referenced_table, definition, comment, validated, columns,
                    join_condition, period_condition, match_full, state, parked_at, parked_by)
                VALUES (fk.schema_name, fk.table_name, fk.constraint_name,
                    fk.referenced_schema, fk.referenced_table, fk.definition,
                    fk.comment, fk.validated, fk.columns, fk.join_condition,
                    fk.period_condition, fk.match_full, 'parked', now(), session_user);
            END IF;
            EXECUTE format('ALTER TABLE %I.%I DROP CONSTRAINT %I',
                fk.schema_name, fk.table_name, fk.constraint_name);
        END LOOP;
    END IF;
    PERFORM pg_catalog.set_config('search_path', caller_path, true);
END
