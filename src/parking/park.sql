DECLARE
    caller_path pg_catalog.text := pg_catalog.current_setting('search_path');
    caller_timeout pg_catalog.text := pg_catalog.current_setting('lock_timeout');
    fault pg_catalog.text;
    awaited pg_catalog.oid;
    caller_mode pg_catalog.text;
    fk pg_catalog.record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM pg_catalog.set_config('lock_timeout', '{lock_timeout}', true);
    IF EXISTS ({keys}) THEN
        -- Citus drops constraints of reference and of distributed tables together in this mode only.
        BEGIN
            IF pg_catalog.current_setting('citus.shard_count') OPERATOR(pg_catalog.<>) '' THEN
                caller_mode := 'parallel';
                caller_mode := pg_catalog.current_setting('citus.multi_shard_modify_mode');
            END IF;
        EXCEPTION WHEN undefined_object THEN NULL;
        END;
        IF caller_mode IS NOT NULL THEN
            PERFORM pg_catalog.set_config('citus.multi_shard_modify_mode', 'sequential', true);
        END IF;
        PERFORM pg_catalog.pg_advisory_xact_lock({advisory_lock_key});
        SELECT pg_catalog.format('schema dms_proxy belongs to role %I',
                pg_catalog.pg_get_userbyid(n.nspowner))
            INTO fault FROM pg_catalog.pg_namespace n
            WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy' AND NOT {schema_owner_is_trusted};
        IF fault IS NULL AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n
            WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy')
        THEN
            CREATE SCHEMA dms_proxy;
            REVOKE ALL ON SCHEMA dms_proxy FROM PUBLIC;
        END IF;
        IF fault IS NULL AND NOT EXISTS ({journal_fault}) THEN
            {journal};
            REVOKE ALL ON TABLE dms_proxy.fk_journal FROM PUBLIC;
        END IF;
        IF fault IS NULL THEN
            fault := ({journal_fault});
        END IF;
        IF fault IS NULL THEN
            LOCK TABLE ONLY dms_proxy.fk_journal IN ROW EXCLUSIVE MODE;
            fault := ({journal_fault});
        END IF;
        IF fault IS NOT NULL THEN
            RAISE EXCEPTION '%, and what the journal says is run as SQL', fault
                USING ERRCODE = '42501', HINT = 'Park as that role, or have an administrator make '
                    'the schema by dms-proxy init-target.';
        END IF;
        -- Always in the same order, so that two who lock do not wait for each other. A table that
        -- may not be locked by itself is locked when its constraint is dropped.
        FOR fk IN SELECT DISTINCT r.oid, rn.nspname, r.relname, r.relkind
            FROM pg_catalog.pg_class r
            JOIN pg_catalog.pg_namespace rn ON rn.oid OPERATOR(pg_catalog.=) r.relnamespace
            JOIN ({keys}) k ON r.oid OPERATOR(pg_catalog.=) k.conrelid
                OR r.oid OPERATOR(pg_catalog.=) k.confrelid
            WHERE pg_catalog.has_table_privilege(r.oid, 'UPDATE, DELETE, TRUNCATE')
                AND pg_catalog.has_schema_privilege(r.relnamespace, 'USAGE') ORDER BY r.oid
        LOOP
            awaited := fk.oid;
            EXECUTE pg_catalog.format('LOCK TABLE %s%I.%I IN ACCESS EXCLUSIVE MODE',
                CASE WHEN fk.relkind OPERATOR(pg_catalog.=) 'p' THEN '' ELSE 'ONLY ' END,
                fk.nspname, fk.relname);
        END LOOP;
        FOR fk IN SELECT k.* FROM ({keys}) k ORDER BY schema_name, table_name, constraint_name
        LOOP
            awaited := fk.conrelid;
            IF EXISTS (SELECT 1 FROM pg_catalog.pg_trigger x
                WHERE x.tgconstraint OPERATOR(pg_catalog.=) fk.constraint_oid
                AND x.tgenabled OPERATOR(pg_catalog.<>) 'O') THEN
                RAISE EXCEPTION 'triggers of foreign key % on %.% were disabled or changed',
                    fk.constraint_name, fk.schema_name, fk.table_name
                    USING ERRCODE = '55000', HINT = 'Enable them; a restored foreign key has them on.';
            END IF;
            UPDATE ONLY dms_proxy.fk_journal j SET referenced_schema = fk.referenced_schema,
                referenced_table = fk.referenced_table, definition = fk.definition,
                comment = fk.comment,
                validated = fk.validated OR j.state OPERATOR(pg_catalog.=) 'added',
                columns = fk.columns, join_condition = fk.join_condition,
                period_condition = fk.period_condition, match_full = fk.match_full,
                state = 'parked', parked_at = pg_catalog.now(), parked_by = session_user
            WHERE j.schema_name OPERATOR(pg_catalog.=) fk.schema_name
                AND j.table_name OPERATOR(pg_catalog.=) fk.table_name
                AND j.constraint_name OPERATOR(pg_catalog.=) fk.constraint_name;
            IF NOT FOUND THEN
                INSERT INTO dms_proxy.fk_journal (schema_name, table_name, constraint_name,
                    referenced_schema, referenced_table, definition, comment, validated, columns,
                    join_condition, period_condition, match_full, state, parked_at, parked_by)
                VALUES (fk.schema_name, fk.table_name, fk.constraint_name,
                    fk.referenced_schema, fk.referenced_table, fk.definition,
                    fk.comment, fk.validated, fk.columns, fk.join_condition,
                    fk.period_condition, fk.match_full, 'parked', pg_catalog.now(), session_user);
            END IF;
            EXECUTE pg_catalog.format('ALTER TABLE %I.%I DROP CONSTRAINT %I',
                fk.schema_name, fk.table_name, fk.constraint_name);
            -- It tells that there was a journal when that is gone. The schema's owner cannot change it.
            EXECUTE pg_catalog.format('COMMENT ON TABLE %I.%I IS %L', fk.schema_name, fk.table_name,
                pg_catalog.concat_ws(pg_catalog.chr(10),
                    pg_catalog.obj_description(fk.conrelid, 'pg_class'), {marker}));
        END LOOP;
    END IF;
    IF caller_mode IS NOT NULL THEN
        PERFORM pg_catalog.set_config('citus.multi_shard_modify_mode', caller_mode, true);
    END IF;
    PERFORM pg_catalog.set_config('search_path', caller_path, true);
    PERFORM pg_catalog.set_config('lock_timeout', caller_timeout, true);
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'foreign keys could not be parked within {lock_timeout}: %',
        COALESCE(({blockers}), 'a lock was not to be had')
        USING ERRCODE = '55P03', HINT = 'End these sessions, or raise fk.lock_timeout.';
END
