--
-- Statistics
--

CREATE FUNCTION cache_ext.stats_rows(OUT name text, OUT value bigint, OUT description text)
RETURNS SETOF record LANGUAGE c STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_stats';
COMMENT ON FUNCTION cache_ext.stats_rows() IS 'Rows of the view stats';

CREATE FUNCTION cache_ext.reset_stats() RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_reset_stats';
COMMENT ON FUNCTION cache_ext.reset_stats() IS 'Lets the counters of the views stats and hits_by_name start from zero, in all databases';

CREATE FUNCTION cache_ext.stats_since() RETURNS timestamptz LANGUAGE c PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_stats_since';
COMMENT ON FUNCTION cache_ext.stats_since() IS 'Since when the counters of the view stats count: the server''s start or the last reset_stats()';

CREATE VIEW cache_ext.stats AS
WITH counters AS MATERIALIZED (SELECT * FROM cache_ext.stats_rows())
SELECT c.name, c.value::numeric AS value, c.description FROM counters c
UNION ALL
SELECT 'hit_ratio',
       (SELECT round(sum(c.value) FILTER (WHERE c.name = 'hits') / nullif(sum(c.value), 0), 4)
          FROM counters c WHERE c.name IN ('hits', 'fills') OR c.name LIKE 'read\_through\_%'),
       'hits among all reads: hits, fills, read_through_*'
UNION ALL
SELECT 'notification_queue_usage', round(pg_notification_queue_usage()::numeric, 4),
       'share of the NOTIFY queue in use; beyond 0.9 nothing is added to it'
UNION ALL
SELECT 'seconds', round(extract(epoch FROM clock_timestamp() - cache_ext.stats_since())),
       'seconds that the counters have counted';
COMMENT ON VIEW cache_ext.stats IS 'What the cache did since the server started or reset_stats(), in all databases';
COMMENT ON COLUMN cache_ext.stats.name IS 'Name of the counter';
COMMENT ON COLUMN cache_ext.stats.value IS 'Its value';
COMMENT ON COLUMN cache_ext.stats.description IS 'What it counts';

CREATE FUNCTION cache_ext.hits_by_name_rows(OUT config_name text, OUT hits bigint)
RETURNS SETOF record LANGUAGE c STRICT PARALLEL RESTRICTED ROWS 256
AS 'MODULE_PATHNAME', 'cache_ext_hits_by_name';
COMMENT ON FUNCTION cache_ext.hits_by_name_rows() IS 'Rows of the view hits_by_name';

CREATE VIEW cache_ext.hits_by_name AS
SELECT h.config_name, h.hits FROM cache_ext.hits_by_name_rows() h ORDER BY h.hits DESC, h.config_name;
COMMENT ON VIEW cache_ext.hits_by_name IS 'The config names of this database that are read most, by a sample of the hits since the server started or reset_stats()';
COMMENT ON COLUMN cache_ext.hits_by_name.config_name IS 'Name of the configuration';
COMMENT ON COLUMN cache_ext.hits_by_name.hits IS 'Its hits, estimated: one in 1,024 is looked at';

--
-- Memory
--

CREATE FUNCTION cache_ext.memory_usage_rows(OUT name text, OUT value bigint, OUT description text)
RETURNS SETOF record LANGUAGE c STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_memory_usage';
COMMENT ON FUNCTION cache_ext.memory_usage_rows() IS 'Rows of the view memory_usage';

CREATE VIEW cache_ext.memory_usage AS
SELECT m.name, m.value, m.description FROM cache_ext.memory_usage_rows() m;
COMMENT ON VIEW cache_ext.memory_usage IS 'What the cache''s shared memory is used for; empty where there is none';
COMMENT ON COLUMN cache_ext.memory_usage.name IS 'Name of the figure';
COMMENT ON COLUMN cache_ext.memory_usage.value IS 'Bytes, or a number of entries';
COMMENT ON COLUMN cache_ext.memory_usage.description IS 'What it is';
