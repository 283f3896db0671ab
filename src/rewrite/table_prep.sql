
DECLARE
    named pg_catalog.text[] := ARRAY[{names}]::pg_catalog.text[];
    alone boolean[] := ARRAY[{alone}];
    as_written pg_catalog.text := '';
    relation pg_catalog.regclass;
    relation_name pg_catalog.name;
    is_ours boolean;
    entry int[] := '{}';
    member pg_catalog.oid[] := '{}';
    entries int[];
    members pg_catalog.oid[];
    whole int[] := '{}';
    rest int[] := '{}';
    leaving int[];
    list pg_catalog.text;
    number int;
    referrers pg_catalog.text;
    sequence pg_catalog.regclass;
BEGIN
    FOR i IN 1 .. pg_catalog.array_length(named, 1) LOOP
        EXECUTE pg_catalog.format('SELECT pg_catalog.to_regclass(%L)', named[i]) INTO relation;
        SELECT c.relname, c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::pg_catalog."char"[])
            AND c.relpersistence OPERATOR(pg_catalog.<>) 't'::pg_catalog."char"
            AND c.oid OPERATOR(pg_catalog.>=) '16384'::pg_catalog.oid
            AND pg_catalog.left(c.relname::pg_catalog.text, 7) OPERATOR(pg_catalog.<>) 'awsdms_'
            INTO relation_name, is_ours FROM pg_catalog.pg_class c
            WHERE c.oid OPERATOR(pg_catalog.=) relation::pg_catalog.oid;
        IF relation IS NULL OR NOT is_ours THEN
            as_written := pg_catalog.concat(as_written,
                CASE WHEN as_written OPERATOR(pg_catalog.=) '' THEN '' ELSE ', ' END,
                CASE WHEN alone[i] THEN 'ONLY ' ELSE '' END, named[i]);
        ELSIF NOT {empties} THEN
            RAISE NOTICE 'table "%" is left as it is (table_prep.mode = {mode})', relation_name;
        ELSIF NOT relation::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (member) THEN
            WITH RECURSIVE r (id) AS (SELECT relation::pg_catalog.oid UNION
                SELECT h.inhrelid FROM pg_catalog.pg_inherits h
                JOIN r ON h.inhparent OPERATOR(pg_catalog.=) r.id WHERE NOT alone[i])
            SELECT pg_catalog.array_agg(i), pg_catalog.array_agg(r.id) INTO entries, members FROM r;
            entry := pg_catalog.array_cat(entry, entries);
            member := pg_catalog.array_cat(member, members);
            whole := pg_catalog.array_append(whole, i);
        END IF;
    END LOOP;
    IF as_written OPERATOR(pg_catalog.<>) '' THEN
        EXECUTE pg_catalog.concat('{verb} ', as_written, '{behind}');
    END IF;
    LOOP
        SELECT pg_catalog.array_agg(DISTINCT e.i) INTO leaving
            FROM ROWS FROM (pg_catalog.unnest(entry), pg_catalog.unnest(member)) e (i, id)
            JOIN pg_catalog.pg_constraint c ON c.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog."char"
                AND c.confrelid OPERATOR(pg_catalog.=) e.id
            WHERE e.i OPERATOR(pg_catalog.=) ANY (whole) AND NOT EXISTS (SELECT 1 FROM
                ROWS FROM (pg_catalog.unnest(entry), pg_catalog.unnest(member)) w (i, id)
                WHERE w.id OPERATOR(pg_catalog.=) c.conrelid
                    AND w.i OPERATOR(pg_catalog.=) ANY (whole));
        EXIT WHEN leaving IS NULL;
        rest := pg_catalog.array_cat(rest, leaving);
        SELECT coalesce(pg_catalog.array_agg(w), '{}') INTO whole
            FROM pg_catalog.unnest(whole) w WHERE w OPERATOR(pg_catalog.<>) ALL (leaving);
    END LOOP;
    FOR number, referrers IN SELECT e.i, pg_catalog.string_agg(
            DISTINCT c.conrelid::pg_catalog.regclass::pg_catalog.text, ', ')
        FROM ROWS FROM (pg_catalog.unnest(entry), pg_catalog.unnest(member)) e (i, id)
        JOIN pg_catalog.pg_constraint c ON c.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog."char"
            AND c.confrelid OPERATOR(pg_catalog.=) e.id
        WHERE NOT c.conrelid OPERATOR(pg_catalog.=) ANY (member)
            AND c.confdeltype OPERATOR(pg_catalog.=) ANY ('{c,n,d}'::pg_catalog."char"[])
            AND pg_catalog.current_setting('session_replication_role')
                OPERATOR(pg_catalog.<>) 'replica'
        GROUP BY e.i
    LOOP
        RAISE EXCEPTION 'table % cannot be emptied: foreign keys would change rows of %',
            named[number], referrers USING ERRCODE = '0A000',
            HINT = 'Park the foreign keys first (dms-proxy fk park), or empty these tables too.';
    END LOOP;
    IF pg_catalog.cardinality(whole) OPERATOR(pg_catalog.>) 0 THEN
        SELECT pg_catalog.string_agg(
                pg_catalog.concat(CASE WHEN alone[w] THEN 'ONLY ' ELSE '' END, named[w]), ', ')
            INTO list FROM pg_catalog.unnest(whole) w;
        EXECUTE pg_catalog.concat('TRUNCATE ', list,
            CASE WHEN {restart} THEN ' RESTART IDENTITY' ELSE '' END);
    END IF;
    IF pg_catalog.cardinality(rest) OPERATOR(pg_catalog.>) 0 THEN
        FOREACH number IN ARRAY rest LOOP
            RAISE NOTICE 'table % is emptied by DELETE, because foreign keys refer to it',
                named[number];
        END LOOP;
        SELECT pg_catalog.concat('WITH ', pg_catalog.string_agg(
                pg_catalog.format('e%s AS (DELETE FROM %s%s)', w,
                    CASE WHEN alone[w] THEN 'ONLY ' ELSE '' END, named[w]), ', '), ' SELECT 1')
            INTO list FROM pg_catalog.unnest(rest) w;
        EXECUTE list;
    END IF;
    IF {restart} THEN
        FOR sequence IN SELECT d.objid::pg_catalog.regclass
            FROM ROWS FROM (pg_catalog.unnest(entry), pg_catalog.unnest(member)) e (i, id)
            JOIN pg_catalog.pg_depend d ON d.refobjid OPERATOR(pg_catalog.=) e.id
                AND d.refobjsubid OPERATOR(pg_catalog.>) 0
                AND d.refclassid OPERATOR(pg_catalog.=)
                    'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                AND d.classid OPERATOR(pg_catalog.=)
                    'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                AND d.deptype OPERATOR(pg_catalog.=) ANY ('{a,i}'::pg_catalog."char"[])
            JOIN pg_catalog.pg_class s ON s.oid OPERATOR(pg_catalog.=) d.objid
                AND s.relkind OPERATOR(pg_catalog.=) 'S'::pg_catalog."char"
            WHERE e.i OPERATOR(pg_catalog.=) ANY (rest)
        LOOP
            EXECUTE pg_catalog.format('ALTER SEQUENCE %s RESTART', sequence);
        END LOOP;
    END IF;
END 
