SELECT pg_catalog.format('%I', pg_catalog.pg_get_userbyid(n.nspowner)), {schema_owner_is_trusted},
    COALESCE(f.there, false), COALESCE(f.may_call, false)
FROM pg_catalog.pg_namespace n
LEFT JOIN LATERAL (SELECT true AS there,
        pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS may_call
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace OPERATOR(pg_catalog.=) n.oid
        AND p.proname OPERATOR(pg_catalog.=) 'note_rewrites'
        AND p.pronargs OPERATOR(pg_catalog.=) 1 AND p.prosecdef
        AND p.proargtypes[0] OPERATOR(pg_catalog.=)
            'pg_catalog.json'::pg_catalog.regtype::pg_catalog.oid
        AND {function_owner_is_trusted}) f ON true
WHERE n.nspname OPERATOR(pg_catalog.=) 'dms_proxy'
