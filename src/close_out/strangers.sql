WITH RECURSIVE family (id) AS (
    SELECT t.id FROM pg_catalog.unnest(ARRAY[{tables}]::pg_catalog.oid[]) AS t (id)
    UNION
    SELECT h.inhrelid FROM pg_catalog.pg_inherits h
        JOIN family f ON h.inhparent OPERATOR(pg_catalog.=) f.id
), part (class, id) AS (
    -- What the planner reads of a table and its columns, each with what it depends on.
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, f.id FROM family f
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, x.indexrelid
        FROM pg_catalog.pg_index x JOIN family f ON x.indrelid OPERATOR(pg_catalog.=) f.id
    UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, x.oid
        FROM pg_catalog.pg_constraint x JOIN family f ON x.conrelid OPERATOR(pg_catalog.=) f.id
        WHERE x.contype OPERATOR(pg_catalog.=) 'c'
    UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, x.oid
        FROM pg_catalog.pg_attrdef x JOIN family f ON x.adrelid OPERATOR(pg_catalog.=) f.id
        JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) x.adrelid
            AND a.attnum OPERATOR(pg_catalog.=) x.adnum
        WHERE (pg_catalog.row_to_json(a) OPERATOR(pg_catalog.->>) 'attgenerated')
            OPERATOR(pg_catalog.=) 'v'
    UNION ALL SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
        JOIN family f ON d.refobjid OPERATOR(pg_catalog.=) f.id
        WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.classid OPERATOR(pg_catalog.=)
                pg_catalog.to_regclass('pg_catalog.pg_statistic_ext')
    -- What runs besides where rows come in.
    UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, x.oid
        FROM pg_catalog.pg_attrdef x JOIN family f ON x.adrelid OPERATOR(pg_catalog.=) f.id
        WHERE {writes}
    UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid, x.oid
        FROM pg_catalog.pg_trigger x JOIN family f ON x.tgrelid OPERATOR(pg_catalog.=) f.id
        WHERE {writes} AND x.tgenabled OPERATOR(pg_catalog.<>) 'D'
    UNION ALL SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
        JOIN family f ON d.refobjid OPERATOR(pg_catalog.=) f.id
        WHERE {writes}
            AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.classid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('pg_catalog.pg_policy')
    UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, x.oid
        FROM pg_catalog.pg_constraint x
        JOIN column_type c ON x.contypid OPERATOR(pg_catalog.=) c.id
        WHERE {writes}
), column_type (id) AS (
    -- With what is under domains and in arrays.
    SELECT a.atttypid FROM pg_catalog.pg_attribute a
        JOIN family f ON a.attrelid OPERATOR(pg_catalog.=) f.id
        WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    UNION
    SELECT u.id FROM column_type c
        JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) c.id
        CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) AS u (id)
        WHERE u.id OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
), operator (id) AS (
    {operators}
    UNION SELECT d.refobjid FROM pg_catalog.pg_depend d
        JOIN part p ON d.classid OPERATOR(pg_catalog.=) p.class
            AND d.objid OPERATOR(pg_catalog.=) p.id
        WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass
), function (id) AS (
    SELECT d.refobjid FROM pg_catalog.pg_depend d
        JOIN part p ON d.classid OPERATOR(pg_catalog.=) p.class
            AND d.objid OPERATOR(pg_catalog.=) p.id
        WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
    UNION SELECT x.oprcode::pg_catalog.oid FROM pg_catalog.pg_operator x
        JOIN operator o ON x.oid OPERATOR(pg_catalog.=) o.id
    UNION SELECT x.castfunc FROM pg_catalog.pg_cast x
        JOIN column_type c ON x.castsource OPERATOR(pg_catalog.=) c.id
            OR x.casttarget OPERATOR(pg_catalog.=) c.id
), owner (id) AS (
    SELECT x.proowner FROM pg_catalog.pg_proc x
        JOIN function f ON x.oid OPERATOR(pg_catalog.=) f.id
        WHERE x.oid OPERATOR(pg_catalog.>=) {first_user_oid}
    UNION SELECT x.oprowner FROM pg_catalog.pg_operator x
        JOIN operator o ON x.oid OPERATOR(pg_catalog.=) o.id
        WHERE x.oid OPERATOR(pg_catalog.>=) {first_user_oid}
    UNION SELECT x.relowner FROM pg_catalog.pg_class x
        JOIN family f ON x.oid OPERATOR(pg_catalog.=) f.id
        WHERE x.relkind OPERATOR(pg_catalog.<>) ALL ('{r,p}'::pg_catalog."char"[])
            OR {writes} AND EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite w
                WHERE w.ev_class OPERATOR(pg_catalog.=) x.oid)
)
SELECT pg_catalog.string_agg(pg_catalog.format('%I', pg_catalog.pg_get_userbyid(o.id)), ', '
    ORDER BY o.id)
FROM owner o WHERE NOT {is_trusted}
