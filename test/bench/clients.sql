-- What clients read: 64 users' theme, and 20 names for a bootstrap; precomputed
-- in a table too.
INSERT INTO cache_ext.users SELECT 'client' || i, 'acme' FROM generate_series(0, 63) i;
INSERT INTO cache_ext.config_definitions (config_name) SELECT 'boot' || n FROM generate_series(1, 20) n;
INSERT INTO cache_ext.config_policies (config_name, scope_type)
  SELECT 'boot' || n, t.scope_type FROM generate_series(1, 20) n, cache_ext.scope_types t;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT f.scope_type, f.scope_id, 'boot' || n, f.config FROM cache_ext.config_fragments f, generate_series(1, 20) n
   WHERE f.config_name = 'theme' AND f.scope_type <> 'user'
  UNION ALL
  SELECT 'user', 'client' || i, n, jsonb_build_object('mine', md5(i::text), 'setting_1', true)
    FROM generate_series(0, 63) i, (SELECT 'theme' UNION ALL SELECT 'boot' || k FROM generate_series(1, 20) k) names (n);
INSERT INTO bench.precomputed
  SELECT 'client' || i, 'theme', cache_ext.get_merged_config('client' || i, 'theme') FROM generate_series(0, 63) i;
VACUUM ANALYZE;
SELECT count(cache_ext.get_merged_config_json('client' || i, n)), count(cache_ext.get_merged_config('client' || i, n))
  FROM generate_series(0, 63) i, (SELECT 'theme' UNION ALL SELECT 'boot' || k FROM generate_series(1, 20) k) names (n);
