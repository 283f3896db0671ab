SELECT pg_catalog.format('%I', k.conname), pg_catalog.format('%I.%I', n.nspname, c.relname),
    k.contype OPERATOR(pg_catalog.=) 'x', c.relkind OPERATOR(pg_catalog.=) 'p',
    COALESCE((pg_catalog.row_to_json(x) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct')
        OPERATOR(pg_catalog.=) 'true', false),
    pg_catalog.pg_get_expr(x.indpred, x.indrelid),
    (SELECT pg_catalog.array_agg(pg_catalog.pg_get_indexdef(x.indexrelid, i, true) ORDER BY i)
        FROM pg_catalog.generate_series(1,
            COALESCE((pg_catalog.row_to_json(x) OPERATOR(pg_catalog.->>) 'indnkeyatts')::pg_catalog.int4,
                x.indnatts::pg_catalog.int4)) i),
    (SELECT pg_catalog.array_agg(pg_catalog.format('OPERATOR(%I.%s)', pn.nspname, o.oprname) ORDER BY u.i)
        FROM pg_catalog.unnest(k.conexclop) WITH ORDINALITY u (id, i)
        JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) u.id
        JOIN pg_catalog.pg_namespace pn ON pn.oid OPERATOR(pg_catalog.=) o.oprnamespace),
    NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
        LEFT JOIN pg_catalog.pg_type b ON b.oid OPERATOR(pg_catalog.=) t.typbasetype
        WHERE a.attrelid OPERATOR(pg_catalog.=) x.indexrelid
        AND COALESCE(b.oid, t.oid) OPERATOR(pg_catalog.>=) {first_user_oid}
        AND COALESCE(b.typtype, t.typtype) OPERATOR(pg_catalog.<>) 'e')
        AND NOT EXISTS (SELECT 1 FROM pg_catalog.unnest(k.conexclop) u (id)
            WHERE u.id OPERATOR(pg_catalog.>=) {first_user_oid})
        AND (x.indexprs IS NULL AND x.indpred IS NULL OR EXISTS (SELECT 1 FROM pg_catalog.pg_roles r
            WHERE r.oid OPERATOR(pg_catalog.=) c.relowner
            AND (r.rolsuper OR r.rolname OPERATOR(pg_catalog.=) current_user)))
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN pg_catalog.pg_index x ON x.indexrelid OPERATOR(pg_catalog.=) k.conindid
WHERE k.condeferrable AND k.contype OPERATOR(pg_catalog.=) ANY ('{p,u,x}'::pg_catalog."char"[])
    AND COALESCE((pg_catalog.row_to_json(k) OPERATOR(pg_catalog.->>) 'conparentid')::pg_catalog.oid,
        0::pg_catalog.oid) OPERATOR(pg_catalog.=) 0::pg_catalog.oid
    AND {is_own_table} AND {covers}
ORDER BY 2, 1
