-- What the benchmarks read: 64 hot keys of 36-byte user ids whose merge has
-- about 1 kB, the same documents precomputed in a table, and a hundred and
-- fifty thousand users for the store.
CREATE EXTENSION cache_ext;
\i :reference
CREATE SCHEMA bench;
SELECT set_config('bench.library', :'library', false);
DO $$
BEGIN
  EXECUTE format('CREATE FUNCTION bench.set_copied(jsonb) RETURNS void LANGUAGE c AS %L, ''cext_test_set''', current_setting('bench.library'));
  EXECUTE format('CREATE FUNCTION bench.copy(text, text, boolean DEFAULT true) RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE AS %L, ''cext_test_copy''', current_setting('bench.library'));
  EXECUTE format('CREATE FUNCTION bench.watch(bigint) RETURNS void LANGUAGE c AS %L, ''cext_memory_watch''', replace(current_setting('bench.library'), 'cext_test', 'cext_memory'));
  EXECUTE format('CREATE FUNCTION bench.probe(bigint, bigint) RETURNS float8 LANGUAGE c AS %L, ''cext_test_probe''', current_setting('bench.library'));
  EXECUTE format('CREATE FUNCTION bench.changed_lines() RETURNS bigint LANGUAGE c AS %L, ''cext_memory_changed_lines''', replace(current_setting('bench.library'), 'cext_test', 'cext_memory'));
END
$$;

CREATE TABLE bench.keys AS SELECT md5(i::text)::uuid::text AS u FROM generate_series(1, 64) i;
INSERT INTO cache_ext.config_definitions VALUES ('theme');
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT 'theme', scope_type FROM cache_ext.scope_types;
INSERT INTO cache_ext.users SELECT u, 'acme' FROM bench.keys;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'public', NULL, 'theme', jsonb_object_agg('setting_' || i, md5(i::text)) FROM generate_series(1, 12) i
  UNION ALL SELECT 'domain', 'acme', 'theme', jsonb_object_agg('domain_' || i, md5(i::text)) FROM generate_series(1, 4) i
  UNION ALL SELECT 'domain_user_defaults', 'acme', 'theme', jsonb_object_agg('default_' || i, i) FROM generate_series(1, 4) i
  UNION ALL SELECT 'user', u, 'theme', jsonb_build_object('mine', md5(u), 'setting_1', true) FROM bench.keys;
CREATE TABLE bench.precomputed AS SELECT u AS user_id, 'theme'::text AS config_name, cache_ext.get_merged_config(u, 'theme') AS config FROM bench.keys;
ALTER TABLE bench.precomputed ADD PRIMARY KEY (user_id, config_name);

INSERT INTO cache_ext.config_definitions VALUES ('many'), ('few');
INSERT INTO cache_ext.config_policies VALUES ('many', 'public'), ('few', 'public');
INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) VALUES ('public', 'many', '{"a": 1}'), ('public', 'few', '{"a": 1}');

-- Nanoseconds for each of n calls that a query makes.
CREATE FUNCTION bench.ns(query text, n bigint) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
  start timestamptz := clock_timestamp();
BEGIN
  EXECUTE query;
  RETURN extract(epoch FROM clock_timestamp() - start) * 1e9 / n;
END
$$;
-- Fills in ns of the caller's temporary table measured (name, query, n, ns): the
-- queries in turns, the best of so many rounds after one that warms up.
CREATE PROCEDURE bench.measure(rounds int) LANGUAGE plpgsql AS $$
DECLARE
  m record;
  took float;
BEGIN
  FOR round IN 0 .. rounds LOOP
    FOR m IN SELECT * FROM measured LOOP
      took := bench.ns(m.query, m.n);
      UPDATE measured SET ns = least(ns, took) WHERE name = m.name AND round > 0;
    END LOOP;
  END LOOP;
END
$$;
VACUUM ANALYZE;
