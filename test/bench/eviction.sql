-- The hit ratio, in per cent, over the second half of a sequence of keys.
CREATE TEMP TABLE sequence (i bigint GENERATED ALWAYS AS IDENTITY, k int);
\copy sequence (k) FROM pstdin
SET max_parallel_workers_per_gather = 0;
SELECT count(*) / 2 AS half FROM sequence \gset
SELECT count(cache_ext.get_merged_config('k' || k, 'evict')) FROM (SELECT k FROM sequence WHERE i <= :half ORDER BY i OFFSET 0) s;
SELECT value AS hits FROM cache_ext.stats WHERE name = 'hits' \gset
SELECT count(cache_ext.get_merged_config('k' || k, 'evict')) FROM (SELECT k FROM sequence WHERE i > :half ORDER BY i OFFSET 0) s;
SELECT 'ours', 100.0 * (value - :hits) / ((SELECT count(*) FROM sequence) - :half) FROM cache_ext.stats WHERE name = 'hits';
