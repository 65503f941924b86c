-- Nanoseconds a call of what people use in the server today, measured as in
-- calls.sql: a materialized view, the merge in PL/pgSQL, and memcached, if :memcached
-- names its socket.
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE MATERIALIZED VIEW bench.materialized AS
  SELECT u AS user_id, 'theme'::text AS config_name, cache_ext.get_merged_config(u, 'theme') AS config FROM bench.keys;
CREATE UNIQUE INDEX ON bench.materialized (user_id, config_name);
ANALYZE bench.materialized;
CREATE FUNCTION bench.merge(u text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN reference.fold((SELECT array_agg(f.config) FROM (
    SELECT x.config FROM cache_ext.config_fragments x WHERE x.config_name = 'theme' AND x.scope_type = 'public' AND x.scope_id IS NULL
    UNION ALL
    SELECT x.config FROM cache_ext.config_fragments x WHERE x.config_name = 'theme' AND x.scope_type = 'domain'
       AND x.scope_id = (SELECT w.domain_id FROM cache_ext.users w WHERE w.user_id = u)
    UNION ALL
    SELECT x.config FROM cache_ext.config_fragments x WHERE x.config_name = 'theme' AND x.scope_type = 'domain_user_defaults'
       AND x.scope_id = (SELECT w.domain_id FROM cache_ext.users w WHERE w.user_id = u)
    UNION ALL
    SELECT x.config FROM cache_ext.config_fragments x WHERE x.config_name = 'theme' AND x.scope_type = 'user' AND x.scope_id = u) f));
END
$$;
CREATE TEMP TABLE measured (name text, query text, n int, ns float);
INSERT INTO measured VALUES
  ('loop', 'SELECT count(u) FROM generate_series(1, 10000), bench.keys', 640000),
  ('again', 'SELECT count(cache_ext.get_merged_config(u, ''theme'')) FROM generate_series(1, 10000), bench.keys', 640000),
  ('materialized', 'SELECT count((SELECT p.config FROM bench.materialized p WHERE p.user_id = u AND p.config_name = ''theme'')) FROM generate_series(1, 3000), bench.keys', 192000),
  ('plpgsql', 'SELECT count(bench.merge(u)) FROM generate_series(1, 20), bench.keys', 1280);
\if :{?memcached}
CREATE EXTENSION pgmemcache;
SELECT memcache_server_add(:'memcached');
SELECT bool_and(memcache_set(u || ':theme', cache_ext.get_merged_config_json(u, 'theme')::text)) FROM bench.keys;
SELECT bool_and(memcache_get(u || ':theme') = cache_ext.get_merged_config_json(u, 'theme')::text) AS memcached_works FROM bench.keys \gset
\if :memcached_works
INSERT INTO measured VALUES
  ('memcached', 'SELECT count(memcache_get(u || '':theme'')) FROM generate_series(1, 200), bench.keys', 12800);
\endif
\endif
CALL bench.measure(5);
SELECT name, ns - (SELECT ns FROM measured WHERE name = 'loop') FROM measured WHERE name <> 'loop';
