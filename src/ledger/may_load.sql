    -- An administrator loads these rows again. Nobody gets a row in that way who could not insert it.
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        JOIN pg_catalog.pg_roles me ON me.rolname OPERATOR(pg_catalog.=) session_user
            OR me.rolname OPERATOR(pg_catalog.=) pg_catalog.current_setting('role')
        CROSS JOIN LATERAL (VALUES (CASE WHEN (about OPERATOR(pg_catalog.->>) 'format')
                OPERATOR(pg_catalog.=) 'sql' THEN ', UPDATE' ELSE '' END)) AS also (privilege)
        WHERE n.nspname OPERATOR(pg_catalog.=) (about OPERATOR(pg_catalog.->>) 'schema_name')
            AND c.relname OPERATOR(pg_catalog.=) (about OPERATOR(pg_catalog.->>) 'table_name')
            AND (pg_catalog.has_any_column_privilege(me.oid, c.oid,
                    pg_catalog.concat('INSERT', also.privilege))
                OR also.privilege OPERATOR(pg_catalog.<>) ''
                    AND pg_catalog.has_table_privilege(me.oid, c.oid, 'DELETE')))
    THEN
        RAISE EXCEPTION 'role % may not insert into %.%', session_user,
            about OPERATOR(pg_catalog.->>) 'schema_name',
            about OPERATOR(pg_catalog.->>) 'table_name' USING ERRCODE = '42501',
            DETAIL = 'Only who may load a table may set rows of it aside.';
    END IF;
