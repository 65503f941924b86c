-- The extension, the reference merge, and what the other tests use.
CREATE EXTENSION cache_ext;
\getenv abs_srcdir PG_ABS_SRCDIR
\set reference :abs_srcdir '/stress/reference.sql'
\i :reference

-- A database that is settled: autovacuum would take locks that fills find.
ALTER TABLE cache_ext.scope_types SET (autovacuum_enabled = off);
ALTER TABLE cache_ext.config_definitions SET (autovacuum_enabled = off);
ALTER TABLE cache_ext.config_policies SET (autovacuum_enabled = off);
ALTER TABLE cache_ext.config_fragments SET (autovacuum_enabled = off);
ALTER TABLE cache_ext.users SET (autovacuum_enabled = off);

CREATE SCHEMA t;

-- The error that a statement fails with.
CREATE FUNCTION t.message(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE query;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;

-- How often a statement scans the tables of a schema.
CREATE FUNCTION t.scans(query text, schema name) RETURNS TABLE (tab name, seq_scans bigint, idx_scans bigint)
LANGUAGE plpgsql AS $$
DECLARE
  before jsonb;
BEGIN
  SELECT jsonb_object_agg(s.relname, jsonb_build_array(s.seq_scan, s.idx_scan)) INTO before FROM pg_stat_xact_user_tables s WHERE s.schemaname = schema;
  EXECUTE query;
  RETURN QUERY
    SELECT s.relname, s.seq_scan - (before -> s.relname ->> 0)::bigint, s.idx_scan - (before -> s.relname ->> 1)::bigint
      FROM pg_stat_xact_user_tables s
     WHERE s.schemaname = schema AND jsonb_build_array(s.seq_scan, s.idx_scan) <> before -> s.relname ORDER BY 1;
END
$$;

-- What the counters say of one statement: its result, and what changed.
CREATE FUNCTION t.count(query text) RETURNS TABLE (result text, counted text)
LANGUAGE plpgsql AS $$
DECLARE
  before jsonb;
BEGIN
  SELECT jsonb_object_agg(s.name, s.value) INTO before FROM cache_ext.stats s;
  EXECUTE query INTO result;
  RETURN QUERY
    SELECT result, string_agg(s.name || '=' || s.value - (before ->> s.name)::numeric, ' ' ORDER BY s.name)
      FROM cache_ext.stats s
     WHERE s.name NOT IN ('hit_ratio', 'seconds', 'notification_queue_usage') AND s.name NOT LIKE 'base\_%' AND s.value <> (before ->> s.name)::numeric;
END
$$;

-- The same for reads, of which only the number matters.
CREATE FUNCTION t.read(u text, n text) RETURNS TABLE (config jsonb, counted text, is_exact boolean)
LANGUAGE sql AS $$
  SELECT c.result::jsonb, c.counted, c.result::jsonb IS NOT DISTINCT FROM reference.merge(u, n)
    FROM t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', u, n)) c
$$;

-- Slices that share a slot are invalidated together, which is no fault, and the seed
-- decides which do.  Is that all that took a read's entry away: did nothing change
-- since a transaction that the read depends on, but something that shares a slot?
CREATE FUNCTION t.last_change() RETURNS xid8 LANGUAGE sql AS $$ SELECT i.xid FROM cache_ext.invalidations i ORDER BY i.xid DESC LIMIT 1 $$;
CREATE FUNCTION t.is_unlucky(u text, n text, since xid8) RETURNS boolean LANGUAGE sql AS $$
  WITH ids AS (SELECT u AS id UNION SELECT domain_id FROM cache_ext.users WHERE user_id = u),
       depends (kind, id, name) AS (
         VALUES ('everything', NULL, NULL), ('name', NULL, n)
         UNION ALL SELECT 'user', id, NULL FROM ids WHERE id IS NOT NULL
         UNION ALL SELECT 'user_name', id, n FROM ids WHERE id IS NOT NULL),
       changed AS (SELECT DISTINCT replace(i.kind, 'domain', 'user') AS kind, i.id, i.config_name AS name FROM cache_ext.invalidations i WHERE i.xid > since)
  SELECT NOT EXISTS (SELECT * FROM depends INTERSECT SELECT * FROM changed) AND NOT EXISTS (SELECT FROM changed WHERE kind = 'more')
         AND EXISTS (SELECT FROM depends d, changed c WHERE (cache_ext.slot_of(d.kind, d.id, d.name)).slot = (cache_ext.slot_of(c.kind, c.id, c.name)).slot)
$$;

INSERT INTO cache_ext.config_definitions (config_name) VALUES ('theme'), ('menu');
INSERT INTO cache_ext.config_policies (config_name, scope_type)
  SELECT d.config_name, s.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types s;
INSERT INTO cache_ext.users VALUES ('alice', 'acme'), ('bob', 'acme'), ('carol', 'umbrella'), ('dave', NULL);
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES
  ('public', NULL, 'theme', '{"color": "blue", "font": {"size": 10, "name": "serif"}}'),
  ('domain', 'acme', 'theme', '{"font": {"size": 12}, "logo": "acme.svg"}'),
  ('domain_user_defaults', 'acme', 'theme', '{"tips": true}'),
  ('user', 'alice', 'theme', '{"color": "red", "tips": null}'),
  ('public', NULL, 'menu', '["home"]');

SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('bob', 'theme');
SELECT * FROM t.read('dave', 'theme');
SELECT * FROM t.read('nobody', 'theme');
SELECT * FROM t.read('nobody', 'theme');
SELECT * FROM t.read('alice', 'unknown');
SELECT * FROM t.read('alice', 'unknown');
