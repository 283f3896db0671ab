    IF NOT {has_rules} THEN
        ALTER TABLE ONLY dms_proxy.rewrites ADD COLUMN rules pg_catalog.text[];
    END IF;
    IF NOT {has_sources} THEN
        ALTER TABLE ONLY dms_proxy.rewrites ADD COLUMN sources pg_catalog.text[];
    END IF;
    IF NOT {has_run} THEN
        -- A default would be code that others could have put there, so none stays.
        ALTER TABLE ONLY dms_proxy.rewrites ADD COLUMN run pg_catalog.text NOT NULL DEFAULT '',
            ADD COLUMN road pg_catalog.text NOT NULL DEFAULT '';
        ALTER TABLE ONLY dms_proxy.rewrites ALTER COLUMN run DROP DEFAULT,
            ALTER COLUMN road DROP DEFAULT;
        EXECUTE (SELECT COALESCE(pg_catalog.min(pg_catalog.format(
                'ALTER TABLE ONLY dms_proxy.rewrites DROP CONSTRAINT %I', x.conname)), 'SELECT 1')
            FROM pg_catalog.pg_constraint x
            JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) x.conrelid
            JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
                AND c.relname OPERATOR(pg_catalog.=) 'rewrites'
                AND x.contype OPERATOR(pg_catalog.=) 'p'::pg_catalog."char");
        UPDATE ONLY dms_proxy.rewrites r SET rule = 'nul',
            road = CASE WHEN r.rule OPERATOR(pg_catalog.~~) 'nul-in-%'
                THEN pg_catalog.substr(r.rule, 8) ELSE '' END
        WHERE r.rule OPERATOR(pg_catalog.=) ANY (ARRAY['nul-in-query', 'nul-in-constant',
            'nul-in-parameter', 'nul-in-copy', 'nul-to-space']::pg_catalog.text[]);
        ALTER TABLE ONLY dms_proxy.rewrites
            ADD PRIMARY KEY (run, schema_name, table_name, column_name, rule, road);
    END IF;
