SELECT p.proargtypes FROM pg_catalog.pg_proc p
WHERE p.oid OPERATOR(pg_catalog.=) '{oid}'::pg_catalog.oid
