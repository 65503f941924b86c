-- A store of :n small entries: nanoseconds a hit, fills a second, and bytes of
-- overhead an entry.  Keys are drawn uniformly, and by Zipf's law with exponent 0.99.
-- What the drawing costs is taken off.  Hits are measured after each entry was hit
-- three times, because hits write nothing from then on.
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE TEMP TABLE measured (name text, query text, n bigint, ns float);
SELECT format('''u'' || (1 + floor(random() * %s))::bigint', :n) AS uniform,
       format('''u'' || ceil(power((power(%s::float8, 0.01) - 1) * random() + 1, 100))::bigint', :n) AS zipf \gset
INSERT INTO measured VALUES
  ('loop_uniform', format('SELECT count(%s) FROM generate_series(1, 500000)', :'uniform'), 500000),
  ('uniform', format('SELECT count(cache_ext.get_merged_config(%s, ''small'')) FROM generate_series(1, 500000)', :'uniform'), 500000),
  ('loop_zipf', format('SELECT count(%s) FROM generate_series(1, 500000)', :'zipf'), 500000),
  ('zipf', format('SELECT count(cache_ext.get_merged_config(%s, ''small'')) FROM generate_series(1, 500000)', :'zipf'), 500000);
SELECT cache_ext.invalidate_all();
SELECT m.value AS entries_before, u.value AS used_before FROM cache_ext.memory_usage m, cache_ext.memory_usage u WHERE m.name = 'entries' AND u.name = 'used_bytes' \gset
SELECT 'fill', bench.ns(format('SELECT count(cache_ext.get_merged_config(''u'' || i, ''small'')) FROM generate_series(1, %s) i', :n), :n);
SELECT 'overhead', (u.value - :used_before)::float / (m.value - :entries_before) - b.bytes
  FROM cache_ext.memory_usage m, cache_ext.memory_usage u,
       (SELECT avg(length('u' || i)) + length('small') + pg_column_size(cache_ext.get_merged_config('u1', 'small')) AS bytes FROM generate_series(1, :n) i) b
 WHERE m.name = 'entries' AND u.name = 'used_bytes';
SELECT count(cache_ext.get_merged_config('u' || i, 'small')) FROM generate_series(1, :n) i, generate_series(1, 3);
SELECT value AS hits FROM cache_ext.stats WHERE name = 'hits' \gset
CALL bench.measure(3);
SELECT m.name, m.ns - l.ns FROM measured m JOIN measured l ON l.name = 'loop_' || m.name;
SELECT 'ratio', (value - :hits) / 4000000.0 FROM cache_ext.stats WHERE name = 'hits';
SELECT 'probe', min(bench.probe(:n, 2000000)) FROM generate_series(1, 3);
