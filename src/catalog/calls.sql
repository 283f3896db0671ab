SELECT s.number FROM (VALUES {subjects}) s (number, name)
WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
    WHERE p.proname OPERATOR(pg_catalog.=) s.name
        AND p.provolatile OPERATOR(pg_catalog.=) 'v'::pg_catalog."char"
        AND l.lanname OPERATOR(pg_catalog.<>) 'internal'::pg_catalog.name
        AND l.lanname OPERATOR(pg_catalog.<>) 'c'::pg_catalog.name)
