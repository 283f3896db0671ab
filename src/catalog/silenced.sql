SELECT s.number, '0'::pg_catalog.int2, xn.nspname, xc.relname, x.item, NULL, NULL, x.events,
    NULL, NULL, NULL, x.kind, NULL
FROM (VALUES {subjects}) s (number, schema_name, table_name)
JOIN pg_catalog.pg_class c ON c.relname OPERATOR(pg_catalog.=) s.table_name
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
CROSS JOIN LATERAL (
    WITH RECURSIVE m (id) AS (SELECT c.oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i
        JOIN m ON i.inhparent OPERATOR(pg_catalog.=) m.id)
    SELECT coalesce(k.conrelid, m.id) AS owner, coalesce(k.conname, t.tgname) AS item,
        CASE WHEN k.oid IS NULL THEN t.tgtype END AS events,
        pg_catalog.format('%s%s', k.contype, t.tgenabled) AS kind
    FROM m JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) m.id
    LEFT JOIN pg_catalog.pg_constraint k ON k.oid OPERATOR(pg_catalog.=) {root}
    UNION SELECT m.id, w.rulename, NULL, pg_catalog.format('%s%s', w.ev_type, w.ev_enabled)
    FROM m JOIN pg_catalog.pg_rewrite w ON w.ev_class OPERATOR(pg_catalog.=) m.id) x
JOIN pg_catalog.pg_class xc ON xc.oid OPERATOR(pg_catalog.=) x.owner
JOIN pg_catalog.pg_namespace xn ON xn.oid OPERATOR(pg_catalog.=) xc.relnamespace
WHERE CASE WHEN s.schema_name IS NULL THEN pg_catalog.pg_table_is_visible(c.oid)
    WHEN s.schema_name OPERATOR(pg_catalog.=) 'pg_temp'
    THEN n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
    ELSE n.nspname OPERATOR(pg_catalog.=) s.schema_name END
