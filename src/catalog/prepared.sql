SELECT s.number, u.place, NULL, NULL, pg_catalog.concat('$', u.place),
    {type_under}, {type_element}, NULL, false, NULL, NULL, {user_type}, NULL
FROM (VALUES {subjects}) s (number, statement_name)
JOIN pg_catalog.pg_prepared_statements p ON p.name OPERATOR(pg_catalog.=) s.statement_name
CROSS JOIN LATERAL pg_catalog.unnest(p.parameter_types) WITH ORDINALITY u (type, place)
JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) u.type::pg_catalog.oid
LEFT JOIN pg_catalog.pg_type b ON b.oid OPERATOR(pg_catalog.=) t.typbasetype
LEFT JOIN pg_catalog.pg_type d ON d.oid OPERATOR(pg_catalog.=) b.typbasetype
