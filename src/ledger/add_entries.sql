    UPDATE dms_proxy.rewrites r SET
        count = LEAST(r.count::pg_catalog.numeric OPERATOR(pg_catalog.+) e.count,
            9223372036854775807)::pg_catalog.int8,
        first_seen = LEAST(r.first_seen, pg_catalog.to_timestamp(e.first_seen)),
        last_seen = GREATEST(r.last_seen, pg_catalog.to_timestamp(e.last_seen)),
        samples = (pg_catalog.array_cat(r.samples, ARRAY(SELECT pg_catalog.left(s.text, 200)
            FROM pg_catalog.json_array_elements_text(e.samples) WITH ORDINALITY s (text, number)
            ORDER BY s.number)))[1:5],
        rules = CASE WHEN e.rules OPERATOR(pg_catalog.=) ANY (r.rules)
                OR pg_catalog.array_length(r.rules, 1) OPERATOR(pg_catalog.>=) 10 THEN r.rules
            ELSE pg_catalog.array_append(r.rules, e.rules) END,
        sources = (pg_catalog.array_cat(r.sources, ARRAY(SELECT pg_catalog.left(s.text, 400)
            FROM pg_catalog.json_array_elements_text(e.sources) WITH ORDINALITY s (text, number)
            WHERE r.sources IS NULL
                OR pg_catalog.left(s.text, 400) OPERATOR(pg_catalog.<>) ALL (r.sources)
            ORDER BY s.number)))[1:5]
    FROM pg_catalog.json_to_recordset(added) AS e (run pg_catalog.text,
        schema_name pg_catalog.text, table_name pg_catalog.text, column_name pg_catalog.text,
        rule pg_catalog.text, road pg_catalog.text, count pg_catalog.int8, first_seen pg_catalog.float8, last_seen pg_catalog.float8,
        samples pg_catalog.json, rules pg_catalog.text,
        sources pg_catalog.json)
    WHERE r.run OPERATOR(pg_catalog.=) COALESCE(e.run, '')
        AND r.road OPERATOR(pg_catalog.=) COALESCE(e.road, '')
        AND r.schema_name OPERATOR(pg_catalog.=) e.schema_name
        AND r.table_name OPERATOR(pg_catalog.=) e.table_name
        AND r.column_name OPERATOR(pg_catalog.=) e.column_name
        AND r.rule OPERATOR(pg_catalog.=) e.rule;
    INSERT INTO dms_proxy.rewrites (run, schema_name, table_name, column_name, rule, road,
        count, first_seen, last_seen, samples, rules, sources)
    SELECT COALESCE(e.run, ''), e.schema_name, e.table_name, e.column_name, e.rule,
        COALESCE(e.road, ''), e.count,
        pg_catalog.to_timestamp(e.first_seen), pg_catalog.to_timestamp(e.last_seen),
        ARRAY(SELECT pg_catalog.left(s.text, 200)
            FROM pg_catalog.json_array_elements_text(e.samples) WITH ORDINALITY s (text, number)
            ORDER BY s.number LIMIT 5), ARRAY[e.rules],
        ARRAY(SELECT pg_catalog.left(s.text, 400)
            FROM pg_catalog.json_array_elements_text(e.sources) WITH ORDINALITY s (text, number)
            ORDER BY s.number LIMIT 5)
    FROM pg_catalog.json_to_recordset(added) AS e (run pg_catalog.text,
        schema_name pg_catalog.text, table_name pg_catalog.text, column_name pg_catalog.text,
        rule pg_catalog.text, road pg_catalog.text, count pg_catalog.int8, first_seen pg_catalog.float8, last_seen pg_catalog.float8,
        samples pg_catalog.json, rules pg_catalog.text,
        sources pg_catalog.json)
    WHERE NOT EXISTS (SELECT 1 FROM dms_proxy.rewrites r
        WHERE r.run OPERATOR(pg_catalog.=) COALESCE(e.run, '')
        AND r.road OPERATOR(pg_catalog.=) COALESCE(e.road, '')
        AND r.schema_name OPERATOR(pg_catalog.=) e.schema_name
        AND r.table_name OPERATOR(pg_catalog.=) e.table_name
        AND r.column_name OPERATOR(pg_catalog.=) e.column_name
        AND r.rule OPERATOR(pg_catalog.=) e.rule);
