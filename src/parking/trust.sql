SELECT CASE
    WHEN NOT {schema_owner_is_trusted}
        THEN pg_catalog.format('schema dms_proxy belongs to role %I',
            pg_catalog.pg_get_userbyid(n.nspowner))
    WHEN NOT {owner_is_trusted}
        THEN pg_catalog.format('%I.%I belongs to role %I', n.nspname, c.relname,
            pg_catalog.pg_get_userbyid(c.relowner))
    WHEN c.relkind OPERATOR(pg_catalog.<>) 'r'
        THEN pg_catalog.format('%I.%I is not a table', n.nspname, c.relname)
    WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_trigger x WHERE x.tgrelid OPERATOR(pg_catalog.=) c.oid)
        THEN pg_catalog.format('%I.%I has triggers', n.nspname, c.relname)
    WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite x
            WHERE x.ev_class OPERATOR(pg_catalog.=) c.oid)
        THEN pg_catalog.format('%I.%I has rules', n.nspname, c.relname)
    WHEN (pg_catalog.row_to_json(c) OPERATOR(pg_catalog.->>) 'relrowsecurity')
            OPERATOR(pg_catalog.=) 'true'
        THEN pg_catalog.format('%I.%I has policies', n.nspname, c.relname)
    WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_attrdef x
            WHERE x.adrelid OPERATOR(pg_catalog.=) c.oid)
        THEN pg_catalog.format('%I.%I has defaults or generated columns', n.nspname, c.relname)
    WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_constraint x
            WHERE x.conrelid OPERATOR(pg_catalog.=) c.oid
            AND x.contype OPERATOR(pg_catalog.<>) ALL ('{p,n}'::pg_catalog."char"[])
            AND pg_catalog.pg_get_constraintdef(x.oid) OPERATOR(pg_catalog.<>) {own_check})
        THEN pg_catalog.format('%I.%I has constraints', n.nspname, c.relname)
    WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_index x WHERE x.indrelid OPERATOR(pg_catalog.=) c.oid
            AND (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL OR EXISTS (
                SELECT 1 FROM pg_catalog.unnest(x.indclass) AS u (id)
                WHERE u.id OPERATOR(pg_catalog.>=) {first_user_oid})))
        THEN pg_catalog.format('%I.%I has indexes of expressions', n.nspname, c.relname)
    WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_attribute x
            WHERE x.attrelid OPERATOR(pg_catalog.=) c.oid
            AND x.attnum OPERATOR(pg_catalog.>) 0 AND NOT x.attisdropped
            AND x.atttypid OPERATOR(pg_catalog.>=) {first_user_oid})
        THEN pg_catalog.format('%I.%I has columns of types of users', n.nspname, c.relname)
    WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_inherits x
            WHERE x.inhparent OPERATOR(pg_catalog.=) c.oid
            OR x.inhrelid OPERATOR(pg_catalog.=) c.oid)
        THEN pg_catalog.format('%I.%I has parents or children', n.nspname, c.relname)
    END AS fault
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE n.nspname OPERATOR(pg_catalog.=) {schema}
    AND c.relname OPERATOR(pg_catalog.=) {relation}
