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
  ('merge', 'SELECT set_config(''cache_ext.enabled'', ''off'', true), count(cache_ext.get_merged_config(u, ''theme'')) FROM generate_series(1, 100), bench.keys', 6400);
DO $$
DECLARE
  m measured;
BEGIN
  PERFORM bench.set_copied((SELECT config FROM bench.precomputed LIMIT 1));
  FOR round IN 0 .. 9 LOOP
    FOR m IN SELECT * FROM measured LOOP
      PERFORM set_config('cache_ext.enabled', (m.name <> 'merge')::text, false);
      m.ns := bench.ns(m.query, m.n);
      -- The first round warms up.
      UPDATE measured SET ns = least(ns, m.ns) WHERE name = m.name AND round > 0;
    END LOOP;
  END LOOP;
END
$$;
SELECT name, ns - (SELECT ns FROM measured WHERE name = 'loop') FROM measured WHERE name <> 'loop'
UNION ALL SELECT 'loop', ns FROM measured WHERE name = 'loop'
UNION ALL SELECT 'bytes', pg_column_size(config) FROM (SELECT config FROM bench.precomputed LIMIT 1) p;
