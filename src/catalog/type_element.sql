CASE WHEN coalesce(d.typcategory, b.typcategory, t.typcategory)
            OPERATOR(pg_catalog.=) 'A'::pg_catalog."char"
        THEN coalesce(d.typelem, b.typelem, t.typelem) ELSE '0'::pg_catalog.oid END
