(WITH RECURSIVE u (id, parent) AS (
        SELECT t.tgconstraint, t.tgconstraint
        UNION ALL SELECT k.oid, k.conparentid FROM pg_catalog.pg_constraint k
        JOIN u ON k.oid OPERATOR(pg_catalog.=) u.parent)
    SELECT u.id FROM u WHERE u.parent OPERATOR(pg_catalog.=) '0')
