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
COMMENT ON COLUMN cache_ext.entries.kind IS 'jsonb, json, public, public_json, base: what the users of a domain share, or common: what everybody shares';
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

--
-- What was invalidated
--

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
