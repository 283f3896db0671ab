SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('session %s (role %s, application %L) holds %s',
        l.pid, s.usename, s.application_name,
        CASE WHEN l.locktype OPERATOR(pg_catalog.=) 'advisory' THEN 'the lock of the journal'
            ELSE pg_catalog.format('a lock on %s', l.relation::pg_catalog.regclass) END), '; ')
FROM pg_catalog.pg_locks l
LEFT JOIN pg_catalog.pg_stat_activity s ON s.pid OPERATOR(pg_catalog.=) l.pid
WHERE l.granted AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
    AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d
        WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
    AND ({awaited} OR l.locktype OPERATOR(pg_catalog.=) 'advisory'
        AND l.objsubid OPERATOR(pg_catalog.=) 1
        AND l.classid OPERATOR(pg_catalog.=) {key_high}::pg_catalog.oid
        AND l.objid OPERATOR(pg_catalog.=) {key_low}::pg_catalog.oid)
