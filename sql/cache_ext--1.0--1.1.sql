-- cache_ext 1.0 to 1.1: telling what changed, and seeing what is there

\echo Use "ALTER EXTENSION cache_ext UPDATE TO '1.1'" to load this file. \quit

-- Names without a schema are PostgreSQL's own, whatever somebody has put into this
-- one before.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

--
-- Reads
--

CREATE FUNCTION cache_ext.get_my_config(config_name text)
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_my_config';
COMMENT ON FUNCTION cache_ext.get_my_config(text) IS 'get_merged_config for the user that the setting cache_ext.user_id names';

CREATE FUNCTION cache_ext.compute_config(user_id text, config_name text)
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'cache_ext_compute_config';
COMMENT ON FUNCTION cache_ext.compute_config(text, text) IS 'What the tables give, whatever is cached; for a null user the merge before login';

--
-- Invalidation by hand
--

CREATE FUNCTION cache_ext.invalidate_scope(scope_type text, scope_id text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_scope';
COMMENT ON FUNCTION cache_ext.invalidate_scope(text, text) IS 'Invalidates what fragments of a scope contribute to, when the transaction commits; scope_id is null for scope types keyed by none';

CREATE FUNCTION cache_ext.invalidate_policy(config_name text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_name';
COMMENT ON FUNCTION cache_ext.invalidate_policy(text) IS 'Invalidates what the policy of a config name governs, when the transaction commits';

CREATE FUNCTION cache_ext.invalidate_name(config_name text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_name';
COMMENT ON FUNCTION cache_ext.invalidate_name(text) IS 'Invalidates a config name for everybody, when the transaction commits';

CREATE FUNCTION cache_ext.invalidate_user(user_id text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_user';
COMMENT ON FUNCTION cache_ext.invalidate_user(text) IS 'Invalidates all configurations of a user, when the transaction commits';

CREATE FUNCTION cache_ext.invalidate_domain(domain_id text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_domain';
COMMENT ON FUNCTION cache_ext.invalidate_domain(text) IS 'Invalidates all configurations of a domain''s users, when the transaction commits';

--
-- What is cached
--

CREATE FUNCTION cache_ext.entries_rows(of_id text, of_name text, with_config boolean,
  OUT kind text, OUT id text, OUT config_name text, OUT bytes integer, OUT filled timestamptz, OUT expires timestamptz,
  OUT frequency integer, OUT slices integer, OUT valid boolean, OUT absent boolean, OUT config jsonb)
RETURNS SETOF record LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10000 COST 100000
AS 'MODULE_PATHNAME', 'cache_ext_entries';
COMMENT ON FUNCTION cache_ext.entries_rows(text, text, boolean) IS 'Rows of the view entries, of one id and one name unless these are null';

CREATE VIEW cache_ext.entries AS
SELECT e.kind, e.id, e.config_name, e.bytes, date_trunc('second', greatest(clock_timestamp() - e.filled, '0')) AS age,
       date_trunc('second', e.expires - clock_timestamp()) AS ttl_left, e.frequency, e.slices, e.absent, e.valid
  FROM cache_ext.entries_rows(NULL::text, NULL::text, false) e;
COMMENT ON VIEW cache_ext.entries IS 'What is cached of this database; looks at every entry: entries_of() asks for some';
COMMENT ON COLUMN cache_ext.entries.kind IS 'jsonb, json, public, base: what the users of a domain share, or common: what everybody shares';
COMMENT ON COLUMN cache_ext.entries.id IS 'The user, or for a base the domain';
COMMENT ON COLUMN cache_ext.entries.config_name IS 'Name of the configuration';
COMMENT ON COLUMN cache_ext.entries.bytes IS 'Bytes of memory, with key and overhead';
COMMENT ON COLUMN cache_ext.entries.age IS 'Time since it was computed';
COMMENT ON COLUMN cache_ext.entries.ttl_left IS 'Time after which it is computed anew; null: never';
COMMENT ON COLUMN cache_ext.entries.frequency IS 'How often it was read lately, up to 3: what eviction looks at';
COMMENT ON COLUMN cache_ext.entries.slices IS 'Number of slices that it depends on';
COMMENT ON COLUMN cache_ext.entries.absent IS 'Whether it says that nothing contributes';
COMMENT ON COLUMN cache_ext.entries.valid IS 'Whether a read by this query''s snapshot would be a hit';

CREATE FUNCTION cache_ext.entries_of(id text, config_name text DEFAULT NULL)
RETURNS TABLE (kind text, entry_id text, entry_name text, bytes integer, age interval, ttl_left interval, frequency integer, slices integer, absent boolean, valid boolean, config jsonb)
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.kind, e.id, e.config_name, e.bytes, date_trunc('second', greatest(clock_timestamp() - e.filled, '0')),
         date_trunc('second', e.expires - clock_timestamp()), e.frequency, e.slices, e.absent, e.valid, e.config
    FROM cache_ext.entries_rows($1, $2, true) e
$$;
COMMENT ON FUNCTION cache_ext.entries_of(text, text) IS 'The entries of a user or domain; with a config name it looks up just these. Documents are shown to the extension''s owner only';

CREATE FUNCTION cache_ext.slot_of(kind text, id text, config_name text,
  OUT slot integer, OUT generation bigint, OUT pending integer, OUT last_xid xid8, OUT overlapped boolean)
RETURNS record LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_slot_of';
COMMENT ON FUNCTION cache_ext.slot_of(text, text, text) IS 'The slot that a slice hashes to: everything, name, user, user_name, domain or domain_name';

CREATE VIEW cache_ext.slices AS
WITH e AS MATERIALIZED (SELECT r.kind, r.id, r.config_name FROM cache_ext.entries_rows(NULL::text, NULL::text, false) r)
SELECT s.kind, s.id, s.config_name, s.entries, o.slot, o.generation, o.pending, o.last_xid, o.overlapped
  FROM (SELECT 'everything' AS kind, NULL AS id, NULL AS config_name, count(*) AS entries FROM e
        UNION ALL
        SELECT 'name', NULL, e.config_name, count(*) FROM e GROUP BY e.config_name
        UNION ALL
        SELECT CASE e.kind WHEN 'base' THEN 'domain' ELSE 'user' END, e.id, NULL, count(*) FROM e WHERE e.id IS NOT NULL GROUP BY 1, e.id
        UNION ALL
        SELECT CASE e.kind WHEN 'base' THEN 'domain_name' ELSE 'user_name' END, e.id, e.config_name, count(*) FROM e WHERE e.id IS NOT NULL GROUP BY 1, e.id, e.config_name) s,
       LATERAL cache_ext.slot_of(s.kind, s.id, s.config_name) o;
COMMENT ON VIEW cache_ext.slices IS 'What one change can invalidate, of the entries that are cached, and the state of its slot';
COMMENT ON COLUMN cache_ext.slices.kind IS 'everything, name, user, user_name, domain or domain_name';
COMMENT ON COLUMN cache_ext.slices.id IS 'The user or domain';
COMMENT ON COLUMN cache_ext.slices.config_name IS 'Name of the configuration';
COMMENT ON COLUMN cache_ext.slices.entries IS 'Entries whose key says that they depend on it; for a domain, its bases';
COMMENT ON COLUMN cache_ext.slices.slot IS 'The slot that it hashes to; slices that share one are invalidated together';
COMMENT ON COLUMN cache_ext.slices.generation IS 'How often the slot was invalidated';
COMMENT ON COLUMN cache_ext.slices.pending IS 'Transactions that are about to invalidate it: reads compute until they have';
COMMENT ON COLUMN cache_ext.slices.last_xid IS 'The transaction that invalidated it last';
COMMENT ON COLUMN cache_ext.slices.overlapped IS 'Whether several did at once: older snapshots compute until it is invalidated alone';

CREATE FUNCTION cache_ext.invalidations_rows(OUT at timestamptz, OUT xid xid8, OUT role oid, OUT application text, OUT kind text, OUT id text, OUT config_name text, OUT cause text, OUT relation regclass)
RETURNS SETOF record LANGUAGE c PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_invalidations';
COMMENT ON FUNCTION cache_ext.invalidations_rows() IS 'Rows of the view invalidations';

CREATE VIEW cache_ext.invalidations AS
SELECT i.at::timestamptz(0) AS at, i.xid, coalesce(r.rolname, i.role::text) AS role, i.application, i.kind, i.id, i.config_name,
       i.cause || coalesce(' of ' || regexp_replace(i.relation::text, '^cache_ext\.', ''), '') AS cause
  FROM cache_ext.invalidations_rows() i LEFT JOIN pg_catalog.pg_roles r ON r.oid = i.role;
COMMENT ON VIEW cache_ext.invalidations IS 'The latest invalidations in this database, of the last 1,024 in all databases';
COMMENT ON COLUMN cache_ext.invalidations.at IS 'When the transaction committed';
COMMENT ON COLUMN cache_ext.invalidations.xid IS 'The transaction';
COMMENT ON COLUMN cache_ext.invalidations.role IS 'The role that committed it';
COMMENT ON COLUMN cache_ext.invalidations.application IS 'Its application_name';
COMMENT ON COLUMN cache_ext.invalidations.kind IS 'What was invalidated: everything, name, user, user_name, domain, domain_name; more: there was more than is listed';
COMMENT ON COLUMN cache_ext.invalidations.id IS 'The user or domain, the first 63 bytes';
COMMENT ON COLUMN cache_ext.invalidations.config_name IS 'Name of the configuration, the first 63 bytes';
COMMENT ON COLUMN cache_ext.invalidations.cause IS 'insert, update, delete or truncate of a table; ddl; function: called by hand; replication';

--
-- Explanation
--

CREATE FUNCTION cache_ext.read_state(user_id text, config_name text) RETURNS text LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_read_state';
COMMENT ON FUNCTION cache_ext.read_state(text, text) IS 'What get_merged_config would do now: hit, miss, or why it reads through';

CREATE FUNCTION cache_ext.fragments_rows(user_id text, config_name text,
  OUT "position" bigint, OUT rank bigint, OUT scope_type text, OUT scope_id text, OUT merge_strategy text, OUT config jsonb)
RETURNS SETOF record LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 4
AS 'MODULE_PATHNAME', 'cache_ext_fragments';
COMMENT ON FUNCTION cache_ext.fragments_rows(text, text) IS 'The fragments that contribute, lowest rank first';

-- Functions of SQL that call others of ours do so as the owner, so that it is enough
-- to be granted the one.  They give all arguments, each of its very type: no function
-- of that name that somebody else has in this schema can be meant.

-- A fragment's leaves are what is no object, or what is below the level at which
-- its strategy merges. One is lost to a fragment of higher rank that has something
-- else on the way to it, or has it.
CREATE FUNCTION cache_ext.explain_config(user_id text, config_name text)
RETURNS TABLE (rank bigint, scope_type text, scope_id text, survives text[], overridden text[], config jsonb, read text)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE f AS MATERIALIZED (
    SELECT * FROM cache_ext.fragments_rows($1, $2)
  ), node AS (
    SELECT f.position, f.merge_strategy, '{}'::text[] AS path, f.config AS value FROM f
    UNION ALL
    SELECT n.position, n.merge_strategy, n.path || c.key, c.value
      FROM node n, LATERAL jsonb_each(CASE jsonb_typeof(n.value) WHEN 'object' THEN n.value ELSE '{}' END) c
     WHERE n.merge_strategy IN ('deep', 'merge_patch') OR n.path = '{}'
  ), leaf AS (
    SELECT n.position, CASE n.path WHEN '{}' THEN '(all)' ELSE array_to_string(n.path, '.') END AS name,
           NOT (n.merge_strategy = 'merge_patch' AND n.value = 'null')
           AND NOT EXISTS (
             SELECT FROM f h, generate_series(0, cardinality(n.path)) depth
              WHERE h.position > n.position
                AND (n.merge_strategy = 'replace'
                     OR (h.config #> n.path[:depth] IS NOT NULL
                         AND (depth = cardinality(n.path) OR jsonb_typeof(h.config #> n.path[:depth]) <> 'object')))
           ) AS survives
      FROM node n
     WHERE jsonb_typeof(n.value) <> 'object' OR n.value = '{}'
        OR (n.merge_strategy NOT IN ('deep', 'merge_patch') AND n.path <> '{}')
  )
  SELECT f.rank, f.scope_type, f.scope_id,
         k.survives, k.overridden, f.config, r.state
    FROM (SELECT cache_ext.read_state($1, $2) AS state) r LEFT JOIN f ON true
    LEFT JOIN LATERAL (SELECT coalesce(array_agg(l.name ORDER BY l.name COLLATE "C") FILTER (WHERE l.survives), '{}') AS survives,
                              coalesce(array_agg(l.name ORDER BY l.name COLLATE "C") FILTER (WHERE NOT l.survives), '{}') AS overridden
                         FROM leaf l WHERE l.position = f.position) k ON f.position IS NOT NULL
   ORDER BY f.position
$$;
COMMENT ON FUNCTION cache_ext.explain_config(text, text) IS 'The fragments that contribute in rank order, the keys of each that survive the merge and that are overridden, and what a read would do now; one row of nulls where nothing contributes';

CREATE FUNCTION cache_ext.verify(max_entries bigint DEFAULT NULL)
RETURNS TABLE (kind text, id text, config_name text, cached jsonb, computed jsonb)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT v.kind, v.id, v.config_name, v.config, v.computed
    FROM (SELECT e.*, cache_ext.compute_config(e.id, e.config_name) AS computed
            FROM (SELECT r.* FROM cache_ext.entries_rows(NULL::text, NULL::text, true) r
                   WHERE r.valid AND r.kind NOT IN ('base', 'common') LIMIT $1) e) v
   WHERE v.config IS DISTINCT FROM v.computed
$$;
COMMENT ON FUNCTION cache_ext.verify(bigint) IS 'Computes what entries that are valid hold, all of them or so many, and gives those that differ: always none';

--
-- Filling ahead
--

CREATE FUNCTION cache_ext.prewarm(users text[], names text[], as_json boolean DEFAULT false) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN as_json
              THEN (SELECT count(*) FILTER (WHERE cache_ext.get_merged_config_json(u.id, n.name, true) IS NOT NULL) FROM unnest(users) u (id), unnest(names) n (name))
              ELSE (SELECT count(*) FILTER (WHERE cache_ext.get_merged_config(u.id, n.name, true) IS NOT NULL) FROM unnest(users) u (id), unnest(names) n (name)) END
$$;
COMMENT ON FUNCTION cache_ext.prewarm(text[], text[], boolean) IS 'Reads each of the names for each of the users, so that they are cached; gives how many there are';

CREATE FUNCTION cache_ext.prewarm_users(batch integer) RETURNS SETOF text[] LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'cache_ext_prewarm_users';
COMMENT ON FUNCTION cache_ext.prewarm_users(integer) IS 'All user ids, so many in an array, for prewarm_all';

CREATE FUNCTION cache_ext.prewarm_names() RETURNS text[] LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'cache_ext_prewarm_names';
COMMENT ON FUNCTION cache_ext.prewarm_names() IS 'The config names that have fragments, for prewarm_all';

CREATE FUNCTION cache_ext.prewarm_report(users_done bigint, configs bigint) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_prewarm_report';
COMMENT ON FUNCTION cache_ext.prewarm_report(bigint, bigint) IS 'Says how far prewarm_all has come; null: it is over';

-- No search_path is set, since a procedure that has one cannot commit: all names
-- are qualified.
CREATE PROCEDURE cache_ext.prewarm_all(batch integer DEFAULT 1000, as_json boolean DEFAULT false) LANGUAGE plpgsql AS $$
DECLARE
  names text[];
  users text[];
  users_done bigint := 0;
  configs bigint := 0;
BEGIN
  PERFORM cache_ext.prewarm_report(0::bigint, 0::bigint);
  names := cache_ext.prewarm_names();
  -- Users that come meanwhile are left out: the rows are those of the first look.
  FOR users IN SELECT u.ids FROM cache_ext.prewarm_users(batch) u (ids) LOOP
    configs := configs OPERATOR(pg_catalog.+) cache_ext.prewarm(users, names, as_json);
    users_done := users_done OPERATOR(pg_catalog.+) pg_catalog.cardinality(users);
    PERFORM cache_ext.prewarm_report(users_done, configs);
    COMMIT;
  END LOOP;
  PERFORM cache_ext.prewarm_report(NULL::bigint, NULL::bigint);
END
$$;
COMMENT ON PROCEDURE cache_ext.prewarm_all(integer, boolean) IS 'Reads every config name for every user, and commits after each batch of users; the view prewarm_progress shows how far it is';

CREATE FUNCTION cache_ext.prewarm_progress_rows(OUT pid bigint, OUT users_total bigint, OUT users_done bigint, OUT configs bigint)
RETURNS SETOF record LANGUAGE c PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_prewarm_progress';
COMMENT ON FUNCTION cache_ext.prewarm_progress_rows() IS 'Rows of the view prewarm_progress';

CREATE VIEW cache_ext.prewarm_progress AS
SELECT p.pid::integer AS pid, p.users_total, p.users_done, p.configs FROM cache_ext.prewarm_progress_rows() p;
COMMENT ON VIEW cache_ext.prewarm_progress IS 'How far each prewarm_all that runs has come';
COMMENT ON COLUMN cache_ext.prewarm_progress.pid IS 'Process that runs it, as in pg_stat_activity';
COMMENT ON COLUMN cache_ext.prewarm_progress.users_total IS 'Users that there are, as far as ANALYZE knows';
COMMENT ON COLUMN cache_ext.prewarm_progress.users_done IS 'Users read for';
COMMENT ON COLUMN cache_ext.prewarm_progress.configs IS 'Configurations found';

--
-- Statistics
--

CREATE FUNCTION cache_ext.reset_stats() RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_reset_stats';
COMMENT ON FUNCTION cache_ext.reset_stats() IS 'Lets the counters of the view stats start from zero, in all databases';

CREATE FUNCTION cache_ext.stats_since() RETURNS timestamptz LANGUAGE c PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_stats_since';
COMMENT ON FUNCTION cache_ext.stats_since() IS 'Since when the counters of the view stats count: the server''s start or the last reset_stats()';

CREATE FUNCTION cache_ext.is_preloaded() RETURNS boolean LANGUAGE c PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_is_preloaded';
COMMENT ON FUNCTION cache_ext.is_preloaded() IS 'Whether there is shared memory, which takes shared_preload_libraries';

CREATE OR REPLACE VIEW cache_ext.stats AS
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

CREATE VIEW cache_ext.health AS
WITH s AS MATERIALIZED (
  SELECT sum(x.value) FILTER (WHERE x.name = 'hits') AS hits,
         sum(x.value) FILTER (WHERE x.name = 'fills') AS fills,
         sum(x.value) FILTER (WHERE x.name = 'evictions') AS evictions,
         sum(x.value) FILTER (WHERE x.name = 'read_through_too_large') AS too_large,
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
SELECT 'suspended', format('Nothing is cached: the source of %s, table %s. %s', o.role, o.relation, o.reason), o.hint
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

COMMENT ON FUNCTION cache_ext.source_statement() IS 'Trigger function: makes the transaction read through while the query is under way; invalidates everything on TRUNCATE';
COMMENT ON FUNCTION cache_ext.source_before_row() IS 'Trigger function: makes the transaction read through while the query is under way, for partitioned tables';
COMMENT ON COLUMN cache_ext.sources.columns IS 'The columns that are read of a table that was attached';

--
-- Privileges: nothing for PUBLIC; statistics and keys, but no documents, for
-- pg_monitor
--

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cache_ext FROM PUBLIC;
REVOKE ALL ON ALL PROCEDURES IN SCHEMA cache_ext FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cache_ext.entries_rows(text, text, boolean), cache_ext.entries_of(text, text),
  cache_ext.slot_of(text, text, text), cache_ext.invalidations_rows(), cache_ext.prewarm_progress_rows(),
  cache_ext.stats_since(), cache_ext.is_preloaded() TO pg_monitor;
GRANT SELECT ON cache_ext.entries, cache_ext.slices, cache_ext.invalidations, cache_ext.prewarm_progress, cache_ext.health TO pg_monitor;
