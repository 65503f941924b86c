--
-- Health
--

CREATE FUNCTION cache_ext.is_preloaded() RETURNS boolean LANGUAGE c PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_is_preloaded';
COMMENT ON FUNCTION cache_ext.is_preloaded() IS 'Whether there is shared memory, which takes shared_preload_libraries';

CREATE VIEW cache_ext.health AS
WITH s AS MATERIALIZED (
  SELECT sum(x.value) FILTER (WHERE x.name = 'hits') AS hits,
         sum(x.value) FILTER (WHERE x.name = 'fills') AS fills,
         sum(x.value) FILTER (WHERE x.name = 'evictions') AS evictions,
         sum(x.value) FILTER (WHERE x.name = 'read_through_too_large') AS too_large,
         sum(x.value) FILTER (WHERE x.name = 'read_through_serializable') AS serializable,
         sum(x.value) FILTER (WHERE x.name = 'corruptions') AS corruptions,
         sum(x.value) FILTER (WHERE x.name = 'notifications_lost') AS lost,
         sum(x.value) FILTER (WHERE x.name IN ('hits', 'fills') OR x.name LIKE 'read\_through\_%') AS reads
    FROM cache_ext.stats_rows() x
)
SELECT 'not_preloaded' AS problem, 'All configurations are computed at each read.' AS detail,
       'Add cache_ext to shared_preload_libraries and restart the server.' AS hint
 WHERE NOT cache_ext.is_preloaded()
UNION ALL
SELECT 'disabled', 'This session reads all configurations from the tables.', 'Set cache_ext.enabled to on.'
 WHERE NOT current_setting('cache_ext.enabled')::boolean
UNION ALL
SELECT 'suspended', format('Nothing is cached, because the source of %s, table %s, is suspended. %s', o.part, o.relation, o.reason), o.hint
  FROM cache_ext.sources_rows() o WHERE o.suspended
UNION ALL
SELECT 'memory', format('Only %s %% of %s reads were hits, and %s entries were evicted.', round(100 * s.hits / s.reads, 1), s.reads, s.evictions),
       format('Raise cache_ext.memory above %s and restart the server.', current_setting('cache_ext.memory'))
  FROM s WHERE s.reads >= 1000 AND s.hits < 0.8 * s.reads AND s.evictions >= 100 AND s.evictions >= 0.5 * s.fills
UNION ALL
SELECT 'too_large', format('%s of %s reads gave a result that is too large to be stored.', s.too_large, s.reads),
       format('Raise cache_ext.max_entry_size above %s, or split the configuration.', current_setting('cache_ext.max_entry_size'))
  FROM s WHERE s.reads >= 1000 AND s.too_large > 0.01 * s.reads
UNION ALL
SELECT 'serializable', format('SERIALIZABLE is the default %s, and reads in such transactions compute.', d.whose),
       'Set default_transaction_isolation to another level there, or begin transactions that need no more with another one.'
  FROM (SELECT CASE WHEN p.source IN ('session', 'client') THEN 'of this session' ELSE 'of the server' END AS whose
          FROM pg_settings p
         WHERE p.name = 'default_transaction_isolation' AND p.setting = 'serializable' AND p.source NOT IN ('database', 'user', 'database user')
        UNION ALL
        SELECT concat_ws(' ', CASE r.setrole WHEN 0 THEN 'of all roles' ELSE 'of role ' || quote_ident(pg_get_userbyid(r.setrole)) END,
                              CASE WHEN r.setdatabase <> 0 THEN 'in database ' || quote_ident(current_database()) END)
          FROM pg_db_role_setting r, unnest(r.setconfig) c
         WHERE r.setdatabase IN (0, (SELECT b.oid FROM pg_database b WHERE b.datname = current_database()))
           AND lower(c) = 'default_transaction_isolation=serializable') d
UNION ALL
SELECT 'serializable', format('%s of %s reads were in SERIALIZABLE transactions, and computed.', s.serializable, s.reads),
       'Read in transactions of another isolation level, if that is enough.'
  FROM s WHERE s.reads >= 1000 AND s.serializable > 0.01 * s.reads
UNION ALL
SELECT 'corruptions', format('%s entries made no sense and were dropped.', s.corruptions),
       'Something overwrote shared memory: look for faulty memory or extensions.'
  FROM s WHERE s.corruptions > 0
UNION ALL
SELECT 'notify_lost', format('Listeners were not told of the changes of %s transactions, because the NOTIFY queue was nearly full.', s.lost),
       'When it has room again, SELECT cache_ext.invalidate_all() tells them to forget everything, and cache_ext.reset_stats() ends this message.'
  FROM s WHERE s.lost > 0
UNION ALL
SELECT 'notify', format('The NOTIFY queue is %s %% full; beyond 90 %% listeners are not told of changes.', round(100 * q.usage, 1)),
       'End the session that listens and does not read, often one idle in transaction, or set cache_ext.notify to off.'
  FROM (SELECT pg_notification_queue_usage()::numeric AS usage) q WHERE q.usage > 0.5
UNION ALL
SELECT 'old_snapshots', format('Process %s keeps a snapshot since %s: it computes what was changed since.', a.pid, a.xact_start::timestamptz(0)),
       'End long transactions, or run them in READ COMMITTED.'
  FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.backend_xmin IS NOT NULL AND a.xact_start < clock_timestamp() - interval '1 hour' AND a.backend_type = 'client backend';
COMMENT ON VIEW cache_ext.health IS 'What is wrong and what to do about it; empty when all is well';
COMMENT ON COLUMN cache_ext.health.problem IS 'Which problem';
COMMENT ON COLUMN cache_ext.health.detail IS 'What is wrong';
COMMENT ON COLUMN cache_ext.health.hint IS 'What to do about it';
