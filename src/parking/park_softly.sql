DECLARE
    caller_level pg_catalog.text := pg_catalog.current_setting('client_min_messages');
BEGIN
    {park};
EXCEPTION WHEN OTHERS THEN
    PERFORM pg_catalog.set_config('client_min_messages', 'warning', true);
    RAISE WARNING USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM, DETAIL = '{caught}';
    PERFORM pg_catalog.set_config('client_min_messages', caller_level, true);
END
