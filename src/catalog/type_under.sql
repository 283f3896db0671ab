CASE WHEN coalesce(d.typcategory, b.typcategory, t.typcategory)
        OPERATOR(pg_catalog.=) 'A'::pg_catalog."char"
    THEN (SELECT coalesce(
            CASE WHEN ed.typarray OPERATOR(pg_catalog.<>) '0'::pg_catalog.oid THEN ed.typarray END,
            CASE WHEN eb.typarray OPERATOR(pg_catalog.<>) '0'::pg_catalog.oid THEN eb.typarray END,
            d.oid, b.oid, t.oid)
        FROM pg_catalog.pg_type e
        LEFT JOIN pg_catalog.pg_type eb ON eb.oid OPERATOR(pg_catalog.=) e.typbasetype
        LEFT JOIN pg_catalog.pg_type ed ON ed.oid OPERATOR(pg_catalog.=) eb.typbasetype
        WHERE e.oid OPERATOR(pg_catalog.=) coalesce(d.typelem, b.typelem, t.typelem))
    ELSE coalesce(d.oid, b.oid, t.oid) END
