SELECT c.oid AS constraint_oid, c.conrelid, c.confrelid,
    n.nspname::text AS schema_name, t.relname::text AS table_name,
    c.conname::text AS constraint_name, format('%I.%I', n.nspname, t.relname) AS table_sql,
    format('%I', c.conname) AS name_sql,
    format('%I.%I', fn.nspname, f.relname) AS referenced_sql,
    fn.nspname::text AS referenced_schema, f.relname::text AS referenced_table,
    regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '') AS definition,
    obj_description(c.oid, 'pg_constraint') AS comment,
    c.convalidated AS validated, k.columns, k.join_condition, k.period_condition,
    c.confmatchtype = 'f' AS match_full,
    t.relkind = 'p' AS partitioned, f.relkind = 'p' AS referenced_partitioned
FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_class f ON f.oid = c.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
CROSS JOIN LATERAL (
    SELECT array_agg(format('%I', a.attname) ORDER BY i) AS columns,
        coalesce(string_agg(format('p.%I%s%s OPERATOR(%I.%s) c.%I%s',
            pa.attname, casts.l, casts.collation, opn.nspname, o.oprname, a.attname, casts.r),
            ' AND ' ORDER BY i) FILTER (WHERE NOT casts.period), 'true') AS join_condition,
        max(format('c.%I <@ range_agg(p.%I)', a.attname, pa.attname))
            FILTER (WHERE casts.period) AS period_condition
    FROM generate_subscripts(c.conkey, 1) AS i
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[i]
    JOIN pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = c.confkey[i]
    JOIN pg_operator o ON o.oid = c.conpfeqop[i]
    JOIN pg_namespace opn ON opn.oid = o.oprnamespace
    JOIN pg_type lt ON lt.oid = o.oprleft JOIN pg_type rt ON rt.oid = o.oprright
    CROSS JOIN LATERAL (SELECT
        CASE WHEN lt.typtype = 'p' OR lt.oid = pa.atttypid THEN ''
            ELSE '::' || format_type(lt.oid, -1) END AS l,
        CASE WHEN rt.typtype = 'p' OR rt.oid = a.atttypid THEN ''
            ELSE '::' || format_type(rt.oid, -1) END AS r,
        CASE WHEN pa.attcollation <> a.attcollation AND pa.attcollation <> 0
            AND a.attcollation <> 0 THEN (SELECT format(' COLLATE %I.%I', cn.nspname, co.collname)
                FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
                WHERE co.oid = pa.attcollation) ELSE '' END AS collation,
        row_to_json(c)->>'conperiod' IS NOT DISTINCT FROM 'true'
            AND i = array_upper(c.conkey, 1) AS period) casts) k
WHERE c.contype = 'f' AND t.relpersistence <> 't'
    AND coalesce((row_to_json(c)->>'conparentid')::oid, 0::oid) = 0::oid
    AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
        AND e.objid = c.conrelid AND e.deptype = 'e')
    AND ({condition})
