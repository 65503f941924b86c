--
-- Filling ahead
--

CREATE FUNCTION cache_ext.prewarm(users text[], names text[], as_json boolean DEFAULT false) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN as_json
              THEN (SELECT count(*) FILTER (WHERE cache_ext.get_merged_config_json(u.id, n.name, true) IS NOT NULL) FROM unnest(users) u (id), unnest(names) n (name))
              ELSE (SELECT count(*) FILTER (WHERE cache_ext.get_merged_config(u.id, n.name, true) IS NOT NULL) FROM unnest(users) u (id), unnest(names) n (name)) END
$$;
COMMENT ON FUNCTION cache_ext.prewarm(text[], text[], boolean) IS 'Reads each of the names for each of the users, so that they are cached; gives how many there are';

CREATE FUNCTION cache_ext.prewarm_users(batch integer) RETURNS SETOF text[] LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'cache_ext_prewarm_users';
COMMENT ON FUNCTION cache_ext.prewarm_users(integer) IS 'All user ids, so many in an array, for prewarm_all';

CREATE FUNCTION cache_ext.prewarm_names() RETURNS text[] LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'cache_ext_prewarm_names';
COMMENT ON FUNCTION cache_ext.prewarm_names() IS 'The config names that have fragments, for prewarm_all';

CREATE FUNCTION cache_ext.prewarm_report(users_done bigint, configs bigint) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_prewarm_report';
COMMENT ON FUNCTION cache_ext.prewarm_report(bigint, bigint) IS 'Says how far prewarm_all has come; null: it is over';

-- No search_path is set, since a procedure that has one cannot commit: all names
-- are qualified.
CREATE PROCEDURE cache_ext.prewarm_all(batch integer DEFAULT 1000, as_json boolean DEFAULT false) LANGUAGE plpgsql AS $$
DECLARE
  names text[];
  users text[];
  users_done bigint := 0;
  configs bigint := 0;
BEGIN
  PERFORM cache_ext.prewarm_report(0::bigint, 0::bigint);
  names := cache_ext.prewarm_names();
  -- Users that come meanwhile are left out: the rows are those of the first look.
  FOR users IN SELECT u.ids FROM cache_ext.prewarm_users(batch) u (ids) LOOP
    configs := configs OPERATOR(pg_catalog.+) cache_ext.prewarm(users, names, as_json);
    users_done := users_done OPERATOR(pg_catalog.+) pg_catalog.cardinality(users);
    PERFORM cache_ext.prewarm_report(users_done, configs);
    COMMIT;
  END LOOP;
  PERFORM cache_ext.prewarm_report(NULL::bigint, NULL::bigint);
END
$$;
COMMENT ON PROCEDURE cache_ext.prewarm_all(integer, boolean) IS 'Reads every config name for every user, and commits after each batch of users; the view prewarm_progress shows how far it is';

CREATE FUNCTION cache_ext.prewarm_progress_rows(OUT pid bigint, OUT users_total bigint, OUT users_done bigint, OUT configs bigint)
RETURNS SETOF record LANGUAGE c PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_prewarm_progress';
COMMENT ON FUNCTION cache_ext.prewarm_progress_rows() IS 'Rows of the view prewarm_progress';

CREATE VIEW cache_ext.prewarm_progress AS
SELECT p.pid::integer AS pid, p.users_total, p.users_done, p.configs FROM cache_ext.prewarm_progress_rows() p;
COMMENT ON VIEW cache_ext.prewarm_progress IS 'How far each prewarm_all that runs has come';
COMMENT ON COLUMN cache_ext.prewarm_progress.pid IS 'Process that runs it, as in pg_stat_activity';
COMMENT ON COLUMN cache_ext.prewarm_progress.users_total IS 'Users that there are, as far as ANALYZE knows';
COMMENT ON COLUMN cache_ext.prewarm_progress.users_done IS 'Users read for';
COMMENT ON COLUMN cache_ext.prewarm_progress.configs IS 'Configurations found';
