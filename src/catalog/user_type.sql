(SELECT pg_catalog.format('%s%I.%I', u.typcategory, un.nspname, u.typname)
        FROM pg_catalog.pg_type u
        JOIN pg_catalog.pg_namespace un ON un.oid OPERATOR(pg_catalog.=) u.typnamespace
        WHERE u.oid OPERATOR(pg_catalog.=) coalesce(d.oid, b.oid, t.oid)
            AND un.nspname OPERATOR(pg_catalog.<>) 'pg_catalog'::pg_catalog.name)
