    -- A session that says which run it belongs to is counted there; servers before 9.6 cannot be asked.
    IF pg_catalog.current_setting('server_version_num')::pg_catalog.int4
        OPERATOR(pg_catalog.>=) 90600
    THEN
        own_run := (SELECT CASE WHEN s.name OPERATOR(pg_catalog.<>) ''
                THEN pg_catalog.left(s.name, {run_max}) ELSE own_run END
            FROM (SELECT COALESCE(pg_catalog.current_setting('dms.run', true), '')) s (name));
    END IF;
    -- A table that was not there when its definition was read has a schema now.
    SELECT COALESCE(pg_catalog.json_agg(pg_catalog.row_to_json(s)), '[]'::pg_catalog.json)
        INTO added
    FROM (SELECT p.run, p.schema_name, p.table_name, p.column_name, p.rule, p.road,
            LEAST(pg_catalog.sum(p.count), 9223372036854775807)::pg_catalog.int8 AS count,
            pg_catalog.min(p.first_seen) AS first_seen, pg_catalog.max(p.last_seen) AS last_seen,
            (pg_catalog.array_agg(p.samples))[1] AS samples, pg_catalog.min(p.rules) AS rules,
            (pg_catalog.array_agg(p.sources))[1] AS sources
        FROM (SELECT CASE WHEN e.run OPERATOR(pg_catalog.<>) '' THEN e.run ELSE own_run END AS run,
                CASE WHEN e.schema_name OPERATOR(pg_catalog.=) ''
                        AND e.table_name OPERATOR(pg_catalog.<>) ''
                    THEN COALESCE((SELECT n.nspname::pg_catalog.text FROM pg_catalog.pg_class c
                        JOIN pg_catalog.pg_namespace n
                            ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                        WHERE c.relname OPERATOR(pg_catalog.=) e.table_name::pg_catalog.name
                            AND c.relpersistence OPERATOR(pg_catalog.<>) 't'::pg_catalog."char"
                            AND pg_catalog.pg_table_is_visible(c.oid) LIMIT 1), '')
                    ELSE e.schema_name END AS schema_name,
                e.table_name, e.column_name, e.rule, e.road, e.count, e.first_seen, e.last_seen,
                e.samples, e.rules, e.sources
            FROM pg_catalog.json_to_recordset(added) AS e (run pg_catalog.text,
                schema_name pg_catalog.text, table_name pg_catalog.text,
                column_name pg_catalog.text, rule pg_catalog.text, road pg_catalog.text,
                count pg_catalog.int8, first_seen pg_catalog.float8, last_seen pg_catalog.float8,
                samples pg_catalog.json, rules pg_catalog.text, sources pg_catalog.json)) p
        GROUP BY p.run, p.schema_name, p.table_name, p.column_name, p.rule, p.road) s;
