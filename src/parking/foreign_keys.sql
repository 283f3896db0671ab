SELECT c.oid AS constraint_oid, c.conrelid, c.confrelid,
    n.nspname::pg_catalog.text AS schema_name, t.relname::pg_catalog.text AS table_name,
    c.conname::pg_catalog.text AS constraint_name,
    pg_catalog.format('%I.%I', n.nspname, t.relname) AS table_sql,
    pg_catalog.format('%I', c.conname) AS name_sql,
    pg_catalog.format('%I.%I', fn.nspname, f.relname) AS referenced_sql,
    fn.nspname::pg_catalog.text AS referenced_schema,
    f.relname::pg_catalog.text AS referenced_table,
    pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(c.oid), ' NOT VALID$', '')
        AS definition,
    pg_catalog.obj_description(c.oid, 'pg_constraint') AS comment,
    c.convalidated AS validated, k.columns, k.join_condition, k.period_condition,
    c.confmatchtype OPERATOR(pg_catalog.=) 'f' AS match_full,
    t.relkind OPERATOR(pg_catalog.=) 'p' AS partitioned,
    f.relkind OPERATOR(pg_catalog.=) 'p' AS referenced_partitioned
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace
JOIN pg_catalog.pg_class f ON f.oid OPERATOR(pg_catalog.=) c.confrelid
JOIN pg_catalog.pg_namespace fn ON fn.oid OPERATOR(pg_catalog.=) f.relnamespace
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(pg_catalog.format('%I', a.attname) ORDER BY i) AS columns,
        COALESCE(pg_catalog.string_agg(pg_catalog.format('p.%I%s%s OPERATOR(%I.%s) c.%I%s',
            pa.attname, casts.l, casts.collation, opn.nspname, o.oprname, a.attname, casts.r),
            ' AND ' ORDER BY i) FILTER (WHERE NOT casts.period), 'true') AS join_condition,
        pg_catalog.max(pg_catalog.format(
            'c.%I OPERATOR(pg_catalog.<@) pg_catalog.range_agg(p.%I)', a.attname, pa.attname))
            FILTER (WHERE casts.period) AS period_condition
    FROM pg_catalog.generate_subscripts(c.conkey, 1) AS i
    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.conrelid
        AND a.attnum OPERATOR(pg_catalog.=) c.conkey[i]
    JOIN pg_catalog.pg_attribute pa ON pa.attrelid OPERATOR(pg_catalog.=) c.confrelid
        AND pa.attnum OPERATOR(pg_catalog.=) c.confkey[i]
    JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) c.conpfeqop[i]
    JOIN pg_catalog.pg_namespace opn ON opn.oid OPERATOR(pg_catalog.=) o.oprnamespace
    JOIN pg_catalog.pg_type lt ON lt.oid OPERATOR(pg_catalog.=) o.oprleft
    JOIN pg_catalog.pg_namespace ltn ON ltn.oid OPERATOR(pg_catalog.=) lt.typnamespace
    JOIN pg_catalog.pg_type rt ON rt.oid OPERATOR(pg_catalog.=) o.oprright
    JOIN pg_catalog.pg_namespace rtn ON rtn.oid OPERATOR(pg_catalog.=) rt.typnamespace
    CROSS JOIN LATERAL (SELECT
        CASE WHEN lt.typtype OPERATOR(pg_catalog.=) 'p' OR lt.oid OPERATOR(pg_catalog.=) pa.atttypid
            THEN '' ELSE pg_catalog.format('::%I.%I', ltn.nspname, lt.typname) END AS l,
        CASE WHEN rt.typtype OPERATOR(pg_catalog.=) 'p' OR rt.oid OPERATOR(pg_catalog.=) a.atttypid
            THEN '' ELSE pg_catalog.format('::%I.%I', rtn.nspname, rt.typname) END AS r,
        CASE WHEN pa.attcollation OPERATOR(pg_catalog.<>) a.attcollation
            AND pa.attcollation OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
            AND a.attcollation OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
            THEN (SELECT pg_catalog.format(' COLLATE %I.%I', cn.nspname, co.collname)
                FROM pg_catalog.pg_collation co
                JOIN pg_catalog.pg_namespace cn ON cn.oid OPERATOR(pg_catalog.=) co.collnamespace
                WHERE co.oid OPERATOR(pg_catalog.=) pa.attcollation) ELSE '' END AS collation,
        COALESCE(pg_catalog.row_to_json(c) OPERATOR(pg_catalog.->>) 'conperiod', '')
                OPERATOR(pg_catalog.=) 'true'
            AND i OPERATOR(pg_catalog.=) pg_catalog.array_upper(c.conkey, 1) AS period) casts) k
WHERE c.contype OPERATOR(pg_catalog.=) 'f' AND t.relpersistence OPERATOR(pg_catalog.<>) 't'
    AND COALESCE((pg_catalog.row_to_json(c) OPERATOR(pg_catalog.->>) 'conparentid')::pg_catalog.oid,
        0::pg_catalog.oid) OPERATOR(pg_catalog.=) 0::pg_catalog.oid
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e
        WHERE e.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND e.objid OPERATOR(pg_catalog.=) c.conrelid AND e.deptype OPERATOR(pg_catalog.=) 'e')
    AND ({condition})
