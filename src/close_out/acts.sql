WITH RECURSIVE member (root, id) AS (
    SELECT c.oid, c.oid FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE ({condition})
    UNION SELECT m.root, i.inhrelid FROM pg_catalog.pg_inherits i
    JOIN member m ON i.inhparent OPERATOR(pg_catalog.=) m.id
), act (root, kind, name, may_park) AS (
    SELECT m.root, 'foreign key', k.conname,
        pg_catalog.pg_has_role(kc.relowner, 'USAGE')
    FROM member m
    JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) m.id
    JOIN pg_catalog.pg_constraint k ON k.oid OPERATOR(pg_catalog.=) t.tgconstraint
    JOIN pg_catalog.pg_class kc ON kc.oid OPERATOR(pg_catalog.=) k.conrelid
    WHERE t.tgenabled OPERATOR(pg_catalog.=) 'O'
        AND t.tgfoid OPERATOR(pg_catalog.>=) 1644::pg_catalog.oid
        AND t.tgfoid OPERATOR(pg_catalog.<=) 1655::pg_catalog.oid
    UNION SELECT m.root,
        CASE WHEN k.contype OPERATOR(pg_catalog.=) 'x' THEN 'deferrable exclusion constraint'
            WHEN k.oid IS NOT NULL THEN 'deferrable key'
            WHEN (t.tgtype OPERATOR(pg_catalog.&) 28::pg_catalog.int2)
                OPERATOR(pg_catalog.=) 0::pg_catalog.int2 THEN 'TRUNCATE trigger'
            ELSE 'trigger' END,
        COALESCE(k.conname, t.tgname), true
    FROM member m
    JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) m.id
    LEFT JOIN pg_catalog.pg_constraint k ON k.oid OPERATOR(pg_catalog.=) t.tgconstraint
        AND t.tgfoid OPERATOR(pg_catalog.=) 1250::pg_catalog.oid
    WHERE (t.tgfoid OPERATOR(pg_catalog.<) 1644::pg_catalog.oid
            OR t.tgfoid OPERATOR(pg_catalog.>) 1655::pg_catalog.oid)
        AND t.tgenabled OPERATOR(pg_catalog.=) ANY ('{O,R}'::pg_catalog."char"[])
    UNION SELECT m.root, 'rule', w.rulename, true
    FROM member m JOIN pg_catalog.pg_rewrite w ON w.ev_class OPERATOR(pg_catalog.=) m.id
    WHERE w.ev_type OPERATOR(pg_catalog.<>) '1'
        AND w.ev_enabled OPERATOR(pg_catalog.=) ANY ('{O,R}'::pg_catalog."char"[])
)
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
    pg_catalog.format('%I.%I', n.nspname, c.relname),
    COALESCE(pg_catalog.array_agg(DISTINCT pg_catalog.format('%s %I', a.kind, a.name))
        FILTER (WHERE a.kind OPERATOR(pg_catalog.=) 'foreign key'), '{}'),
    COALESCE(pg_catalog.array_agg(DISTINCT pg_catalog.format('%s %I', a.kind, a.name))
        FILTER (WHERE a.kind OPERATOR(pg_catalog.<>) 'foreign key'), '{}'),
    COALESCE(pg_catalog.bool_and(a.may_park), true),
    c.relkind OPERATOR(pg_catalog.=) 'v'
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
LEFT JOIN act a ON a.root OPERATOR(pg_catalog.=) c.oid
WHERE ({condition})
GROUP BY n.nspname, c.relname, c.relkind ORDER BY 1, 2
