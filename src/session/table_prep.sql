DECLARE
    named text[] := ARRAY[{names}]::text[];
    alone boolean[] := ARRAY[{alone}];
    as_written text := '';
    relation regclass;
    relation_name name;
    is_ours boolean;
    entry int[] := '{}';
    member oid[] := '{}';
    entries int[];
    members oid[];
    whole int[] := '{}';
    rest int[] := '{}';
    leaving int[];
    list text;
    number int;
    referrers text;
    sequence regclass;
BEGIN
    FOR i IN 1 .. pg_catalog.array_length(named, 1) LOOP
        EXECUTE pg_catalog.format('SELECT pg_catalog.to_regclass(%L)', named[i]) INTO relation;
        SELECT c.relname, c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384
            AND pg_catalog.left(c.relname, 7) <> 'awsdms_'
            INTO relation_name, is_ours FROM pg_catalog.pg_class c WHERE c.oid = relation;
        IF relation IS NULL OR NOT is_ours THEN
            as_written := as_written || CASE WHEN as_written = '' THEN '' ELSE ', ' END
                || CASE WHEN alone[i] THEN 'ONLY ' ELSE '' END || named[i];
        ELSIF NOT {empties} THEN
            RAISE NOTICE 'table "%" is left as it is (table_prep.mode = {mode})', relation_name;
        ELSIF NOT relation::oid = ANY (member) THEN
            WITH RECURSIVE r (id) AS (SELECT relation::oid UNION
                SELECT h.inhrelid FROM pg_catalog.pg_inherits h JOIN r ON h.inhparent = r.id
                WHERE NOT alone[i])
            SELECT pg_catalog.array_agg(i), pg_catalog.array_agg(r.id) INTO entries, members FROM r;
            entry := entry || entries;
            member := member || members;
            whole := whole || i;
        END IF;
    END LOOP;
    IF as_written <> '' THEN
        EXECUTE '{verb} ' || as_written || '{behind}';
    END IF;
    LOOP
        SELECT pg_catalog.array_agg(DISTINCT e.i) INTO leaving
            FROM ROWS FROM (pg_catalog.unnest(entry), pg_catalog.unnest(member)) e (i, id)
            JOIN pg_catalog.pg_constraint c ON c.contype = 'f' AND c.confrelid = e.id
            WHERE e.i = ANY (whole) AND NOT EXISTS (SELECT 1 FROM
                ROWS FROM (pg_catalog.unnest(entry), pg_catalog.unnest(member)) w (i, id)
                WHERE w.id = c.conrelid AND w.i = ANY (whole));
        EXIT WHEN leaving IS NULL;
        rest := rest || leaving;
        SELECT coalesce(pg_catalog.array_agg(w), '{}') INTO whole
            FROM pg_catalog.unnest(whole) w WHERE w <> ALL (leaving);
    END LOOP;
    FOR number, referrers IN SELECT e.i, pg_catalog.string_agg(DISTINCT c.conrelid::regclass::text, ', ')
        FROM ROWS FROM (pg_catalog.unnest(entry), pg_catalog.unnest(member)) e (i, id)
        JOIN pg_catalog.pg_constraint c ON c.contype = 'f' AND c.confrelid = e.id
        WHERE NOT c.conrelid = ANY (member) AND c.confdeltype IN ('c', 'n', 'd')
        AND pg_catalog.current_setting('session_replication_role') <> 'replica' GROUP BY e.i
    LOOP
        RAISE EXCEPTION 'table % cannot be emptied: foreign keys would change rows of %',
            named[number], referrers USING ERRCODE = '0A000',
            HINT = 'Park the foreign keys first (dms-proxy fk park), or empty these tables too.';
    END LOOP;
    IF whole <> '{}' THEN
        SELECT pg_catalog.string_agg(CASE WHEN alone[w] THEN 'ONLY ' ELSE '' END || named[w], ', ')
            INTO list FROM pg_catalog.unnest(whole) w;
        EXECUTE 'TRUNCATE ' || list || CASE WHEN {restart} THEN ' RESTART IDENTITY' ELSE '' END;
    END IF;
    IF rest <> '{}' THEN
        FOREACH number IN ARRAY rest LOOP
            RAISE NOTICE 'table % is emptied by DELETE, because foreign keys refer to it',
                named[number];
        END LOOP;
        SELECT 'WITH ' || pg_catalog.string_agg(pg_catalog.format('e%s AS (DELETE FROM %s%s)', w,
            CASE WHEN alone[w] THEN 'ONLY ' ELSE '' END, named[w]), ', ') || ' SELECT 1'
            INTO list FROM pg_catalog.unnest(rest) w;
        EXECUTE list;
    END IF;
    IF {restart} THEN
        FOR sequence IN SELECT d.objid::regclass
            FROM ROWS FROM (pg_catalog.unnest(entry), pg_catalog.unnest(member)) e (i, id)
            JOIN pg_catalog.pg_depend d ON d.refobjid = e.id AND d.refobjsubid > 0
                AND d.refclassid = 'pg_catalog.pg_class'::regclass
                AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
            JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
            WHERE e.i = ANY (rest)
        LOOP
            EXECUTE pg_catalog.format('ALTER SEQUENCE %s RESTART', sequence);
        END LOOP;
    END IF;
END
