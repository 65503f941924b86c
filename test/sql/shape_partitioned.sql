-- An application's tables: partitioned fragments with bigint ids and an enum, in
-- several schemas under the same names.
CREATE TYPE t.scope AS ENUM ('public', 'user');
DO $$
DECLARE
  s text;
BEGIN
  FOREACH s IN ARRAY ARRAY['eu', 'us'] LOOP
    EXECUTE format($f$
      CREATE SCHEMA %1$s;
      CREATE TABLE %1$s.fragments (id bigint NOT NULL DEFAULT 0, kind t.scope NOT NULL, owner bigint,
        name varchar(64) NOT NULL, body jsonb NOT NULL, note text) PARTITION BY LIST (kind);
      CREATE TABLE %1$s.fragments_public PARTITION OF %1$s.fragments FOR VALUES IN ('public');
      -- Its columns have other numbers; its partitions are partitioned.
      CREATE TABLE %1$s.fragments_user (dropped int, body jsonb NOT NULL, owner bigint, note text, name varchar(64) NOT NULL, kind t.scope NOT NULL, id bigint NOT NULL)
        PARTITION BY HASH (owner);
      ALTER TABLE %1$s.fragments_user DROP dropped;
      ALTER TABLE %1$s.fragments ATTACH PARTITION %1$s.fragments_user FOR VALUES IN ('user');
      CREATE TABLE %1$s.fragments_user_0 PARTITION OF %1$s.fragments_user FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE %1$s.fragments_user_1 PARTITION OF %1$s.fragments_user FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      CREATE UNIQUE INDEX ON %1$s.fragments (owner, name, kind) NULLS NOT DISTINCT;
      INSERT INTO %1$s.fragments (kind, owner, name, body)
        SELECT 'public'::t.scope, NULL::bigint, 'theme', jsonb_build_object('at', '%1$s', 'p', 0) UNION ALL SELECT 'user', i, 'theme', jsonb_build_object('u', i) FROM generate_series(1, 6) i;
    $f$, s);
  END LOOP;
END
$$;
CREATE FUNCTION t.reference_eu(u bigint, n text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT reference.fold(array_agg(f.body ORDER BY f.kind)) FROM eu.fragments f
   WHERE f.name = n AND (f.kind = 'public' AND f.owner IS NULL OR f.kind = 'user' AND f.owner = u)
$$;
CREATE FUNCTION t.read_eu(u bigint) RETURNS TABLE (config jsonb, counted text, is_exact boolean) LANGUAGE sql AS $$
  SELECT c.result::jsonb, c.counted, c.result::jsonb IS NOT DISTINCT FROM t.reference_eu(u, 'theme')
    FROM t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', u, 'theme')) c
$$;

SET search_path = us, eu, public;
SELECT cache_ext.attach_fragments('eu.fragments', scope_type => 'kind', scope_id => 'owner', config_name => 'name', config => 'body');
SELECT part, relation, columns, suspended FROM cache_ext.sources WHERE attached;
-- One to the table, one from it; the same statement, and another schema's table.
SELECT cache_ext.attach_fragments('eu.fragments', scope_type => 'kind', scope_id => 'owner', config_name => 'name', config => 'body');
SELECT cache_ext.attach_fragments('us.fragments', scope_type => 'kind', scope_id => 'owner', config_name => 'name', config => 'body');
SELECT tgrelid::regclass, string_agg(tgname || ' ' || tgenabled::text, ', ' ORDER BY tgname) FROM pg_trigger WHERE tgname LIKE 'cache\_ext%' AND tgrelid::regclass::text LIKE '%fragments%'
   AND tgrelid <> 'cache_ext.config_fragments'::regclass GROUP BY 1 ORDER BY 1;
RESET search_path;

SELECT i, c.* FROM generate_series(1, 7) i, t.read_eu(i) c;
SELECT i, c.* FROM generate_series(1, 7) i, t.read_eu(i) c;
-- A scan a scope, of the partition that can have it.
SELECT * FROM t.scans($$SELECT cache_ext.get_merged_config('77', 'theme')$$, 'eu');
-- One canonical form.
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config(' +007', 'theme')$$);
SELECT cache_ext.get_merged_config('seven', 'theme');
SELECT cache_ext.get_merged_config('99999999999999999999', 'theme');

-- Written by way of the root, of a partition in between, of a leaf; another
-- schema's does not matter.
SELECT t.elsewhere($$UPDATE us.fragments SET body = '{"x": 1}'$$);
SELECT * FROM t.read_eu(1);
SELECT t.elsewhere($$UPDATE eu.fragments SET body = '{"u": 11}' WHERE owner = 1$$);
SELECT i, c.* FROM generate_series(1, 2) i, t.read_eu(i) c;
SELECT t.elsewhere($$UPDATE eu.fragments_user SET body = '{"u": 12}' WHERE owner = 1$$);
SELECT i, c.* FROM generate_series(1, 2) i, t.read_eu(i) c;
SELECT t.elsewhere(format($$UPDATE %s SET body = '{"u": 13}' WHERE owner = 1$$, (SELECT tableoid::regclass FROM eu.fragments WHERE owner = 1)));
SELECT i, c.* FROM generate_series(1, 2) i, t.read_eu(i) c;
SELECT t.elsewhere($$UPDATE eu.fragments_public SET body = '{"p": 1}'$$);
SELECT i, c.* FROM generate_series(1, 2) i, t.read_eu(i) c;
-- From one partition to another.
SELECT t.elsewhere($$UPDATE eu.fragments SET owner = 8 WHERE owner = 2$$);
SELECT i, c.* FROM generate_series(1, 3) i, t.read_eu(i) c;
SELECT * FROM t.read_eu(8);
SELECT t.elsewhere($$UPDATE eu.fragments SET note = 'not read'$$);
SELECT * FROM t.read_eu(8);
SELECT t.elsewhere($$TRUNCATE eu.fragments_user_0$$);
SELECT i, c.* FROM generate_series(1, 8) i, t.read_eu(i) c;
SELECT t.elsewhere($$TRUNCATE eu.fragments_user$$);
SELECT i, c.* FROM generate_series(1, 4) i, t.read_eu(i) c;
INSERT INTO eu.fragments (kind, owner, name, body) SELECT 'user', i, 'theme', jsonb_build_object('u', i) FROM generate_series(1, 6) i;
-- Own writes, seen by the writer from the first row on.
BEGIN;
INSERT INTO eu.fragments (kind, owner, name, body) SELECT 'user', i, 'other', cache_ext.get_merged_config(i::text, 'theme') FROM generate_series(1, 2) i
  RETURNING cache_ext.get_merged_config('1', 'theme');
UPDATE eu.fragments SET body = '{"u": "own"}' WHERE owner = 1 AND name = 'theme';
SELECT * FROM t.read_eu(1);
ROLLBACK;
SELECT * FROM t.read_eu(1);
-- A BEFORE trigger that reads between the rows of one statement.
CREATE TABLE t.seen (u bigint, own jsonb);
CREATE FUNCTION t.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO t.seen SELECT i, cache_ext.get_merged_config(i::text, 'theme') -> 'u' FROM generate_series(1, 2) i;
  RETURN NEW;
END
$$;
CREATE TRIGGER z_see BEFORE UPDATE ON eu.fragments FOR EACH ROW EXECUTE FUNCTION t.see();
SELECT count(*) FROM generate_series(1, 2) i, t.read_eu(i) c;
UPDATE eu.fragments SET body = '{"u": 0}' WHERE owner IN (1, 2) AND name = 'theme';
SELECT count(*) FILTER (WHERE own = '0') AS zeros, count(*) FROM t.seen;
SELECT i, c.* FROM generate_series(1, 2) i, t.read_eu(i) c;
DROP TRIGGER z_see ON eu.fragments;

-- Partitions that come and go.
SELECT i, c.* FROM generate_series(1, 3) i, t.read_eu(i) c;

ALTER TABLE eu.fragments DETACH PARTITION eu.fragments_public;
SELECT i, c.* FROM generate_series(1, 3) i, t.read_eu(i) c;
UPDATE eu.fragments_public SET body = '{"p": "detached"}';
SELECT * FROM t.read_eu(3);
ALTER TABLE eu.fragments ATTACH PARTITION eu.fragments_public FOR VALUES IN ('public');
SELECT * FROM t.read_eu(3);
SELECT * FROM t.read_eu(3);
ALTER TABLE eu.fragments DETACH PARTITION eu.fragments_public CONCURRENTLY;
SELECT * FROM t.read_eu(3);
DROP TABLE eu.fragments_public;
CREATE TABLE eu.fragments_public PARTITION OF eu.fragments FOR VALUES IN ('public');
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'eu.fragments_public'::regclass AND tgname LIKE 'cache%' ORDER BY 1;
SELECT * FROM t.read_eu(3);
SELECT t.elsewhere($$INSERT INTO eu.fragments_public (kind, name, body, id) VALUES ('public', 'theme', '{"p": "new"}', 0)$$);
SELECT * FROM t.read_eu(3);
-- A trigger of one partition alone.
ALTER TABLE eu.fragments_public DISABLE TRIGGER cache_ext_row;
\set VERBOSITY default
SELECT * FROM t.read_eu(3);
SELECT suspended, reason, hint FROM cache_ext.sources WHERE part = 'fragments';
UPDATE eu.fragments_public SET body = '{"p": "unseen"}';
SELECT * FROM t.read_eu(3);
SELECT cache_ext.attach_fragments('eu.fragments', scope_type => 'kind', scope_id => 'owner', config_name => 'name', config => 'body');
SELECT * FROM t.read_eu(3);
SELECT * FROM t.read_eu(3);
SELECT suspended FROM cache_ext.sources WHERE part = 'fragments';
-- Of one below another level.
ALTER TABLE eu.fragments_user_0 DISABLE TRIGGER cache_ext_before_row;
SELECT suspended, reason FROM cache_ext.sources WHERE part = 'fragments';
SELECT cache_ext.attach_fragments('eu.fragments', scope_type => 'kind', scope_id => 'owner', config_name => 'name', config => 'body');
SELECT suspended FROM cache_ext.sources WHERE part = 'fragments';
-- Labels of the enum.
ALTER TYPE t.scope RENAME VALUE 'user' TO 'person';
SELECT cache_ext.get_merged_config('3', 'theme');
ALTER TYPE t.scope RENAME VALUE 'person' TO 'user';
SELECT * FROM t.read_eu(3);
ALTER TYPE t.scope ADD VALUE 'team';
SELECT * FROM t.read_eu(3);
-- A partition that is a foreign table.
DROP INDEX eu.fragments_owner_name_kind_idx;
CREATE EXTENSION postgres_fdw;
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE eu.fragments_team PARTITION OF eu.fragments FOR VALUES IN ('team') SERVER s;
SELECT suspended, reason FROM cache_ext.sources WHERE part = 'fragments';
DROP FOREIGN TABLE eu.fragments_team;
SELECT suspended FROM cache_ext.sources WHERE part = 'fragments';

SELECT cache_ext.detach('eu.fragments');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cache\_ext%' AND tgrelid::regclass::text LIKE 'eu.%';
SET client_min_messages = warning;
DROP EXTENSION postgres_fdw CASCADE;
DROP SCHEMA eu, us CASCADE;
DROP TYPE t.scope CASCADE;
