BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
-- What is there must be the administrator's already: whoever owns it could put code in its place.
DO {check};
CREATE SCHEMA IF NOT EXISTS dms_proxy;
REVOKE ALL ON SCHEMA dms_proxy FROM PUBLIC;
{table};
-- Tables of older versions of the proxy have other columns.
DO {upgrade};
REVOKE ALL ON TABLE dms_proxy.rewrites FROM PUBLIC;
{function}{rejects}{suspended}{grants}-- Nobody has made any of it meanwhile.
DO {check};
COMMIT;
