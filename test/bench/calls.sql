-- Nanoseconds a call, in turns, the best of nine rounds; the cost of the loop
-- around the calls is measured too and taken off.
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE TEMP TABLE measured (name text, query text, n int, ns float);
INSERT INTO measured VALUES
  ('loop', 'SELECT count(u) FROM generate_series(1, 10000), bench.keys', 640000),
  ('copy', 'SELECT count(bench.copy(u, ''theme'')) FROM generate_series(1, 10000), bench.keys', 640000),
  ('hit', 'SELECT count(cache_ext.get_merged_config(u, ''theme'')) FROM generate_series(1, 10000), bench.keys', 640000),
  ('subselect', 'SELECT count((SELECT p.config FROM bench.precomputed p WHERE p.user_id = u AND p.config_name = ''theme'')) FROM generate_series(1, 3000), bench.keys', 192000),
  ('merge', 'SET LOCAL cache_ext.enabled = off; SELECT count(cache_ext.get_merged_config(u, ''theme'')) FROM generate_series(1, 100), bench.keys; SET LOCAL cache_ext.enabled = on', 6400);
SELECT count(bench.set_copied(config)) FROM bench.precomputed;
CALL bench.measure(9);
SELECT name, ns - (SELECT ns FROM measured WHERE name = 'loop') FROM measured WHERE name <> 'loop'
UNION ALL SELECT 'loop', ns FROM measured WHERE name = 'loop'
UNION ALL SELECT 'bytes', pg_column_size(config) FROM (SELECT config FROM bench.precomputed LIMIT 1) p;
