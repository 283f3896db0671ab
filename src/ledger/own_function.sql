CREATE OR REPLACE FUNCTION dms_proxy.{name}({arguments})
    RETURNS pg_catalog.void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp{settings}
    AS {body};
REVOKE ALL ON FUNCTION dms_proxy.{name}({types}) FROM PUBLIC;
