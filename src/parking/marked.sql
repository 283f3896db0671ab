SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
    pg_catalog.format('%I.%I', n.nspname, c.relname), d.description
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN pg_catalog.pg_description d ON d.objoid OPERATOR(pg_catalog.=) c.oid
    AND d.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.objsubid OPERATOR(pg_catalog.=) 0
WHERE pg_catalog.strpos(d.description, '{marker}') OPERATOR(pg_catalog.>) 0 AND {covers}
ORDER BY n.nspname, c.relname
