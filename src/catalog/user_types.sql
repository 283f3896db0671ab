SELECT t.oid, {type_under}
FROM pg_catalog.pg_type t
LEFT JOIN pg_catalog.pg_type b ON b.oid OPERATOR(pg_catalog.=) t.typbasetype
LEFT JOIN pg_catalog.pg_type d ON d.oid OPERATOR(pg_catalog.=) b.typbasetype
WHERE t.oid OPERATOR(pg_catalog.=) ANY ('{{oids}}'::pg_catalog.oid[])
