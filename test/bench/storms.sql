-- Ten thousand users in a hundred domains, each with a fragment, all cached; and a
-- table of a million fragments for writes in bulk, attached by the part itself.
INSERT INTO cache_ext.config_definitions (config_name) VALUES ('storm');
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT 'storm', t.scope_type FROM cache_ext.scope_types t;
INSERT INTO cache_ext.users SELECT 'storm' || i, 'storms' || i % 100 FROM generate_series(0, 9999) i;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'public', NULL, 'storm', jsonb_object_agg('setting_' || i, md5(i::text)) FROM generate_series(1, 12) i
  UNION ALL SELECT 'domain', 'storms' || i, 'storm', jsonb_build_object('domain', i) FROM generate_series(0, 99) i
  UNION ALL SELECT 'user', 'storm' || i, 'storm', jsonb_build_object('user', i) FROM generate_series(0, 9999) i;
CREATE TABLE bench.bulk (kind text, owner text, name text, doc jsonb);
INSERT INTO bench.bulk SELECT 'user', 'bulk' || i, 'bulk', jsonb_build_object('a', i) FROM generate_series(1, 1000000) i;
CREATE UNIQUE INDEX ON bench.bulk (owner, name, kind);
VACUUM ANALYZE;
-- Nanoseconds a row of an update of n rows, with its commit.
CREATE PROCEDURE bench.update_rows(n int, INOUT ns float DEFAULT 0) LANGUAGE plpgsql AS $$
DECLARE
  start timestamptz := clock_timestamp();
BEGIN
  UPDATE bench.bulk SET doc = jsonb_build_object('a', random()) WHERE owner IN (SELECT 'bulk' || i FROM generate_series(1, n) i);
  COMMIT;
  ns := extract(epoch FROM clock_timestamp() - start) * 1e9 / n;
END
$$;
