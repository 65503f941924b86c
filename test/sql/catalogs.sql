-- What is changed in the catalogs: what concerns a source invalidates everything,
-- once, and nothing else does.
\set VERBOSITY terse
SET client_min_messages = error;
-- How often everything was invalidated by statements in a session of their own,
-- one transaction unless they say otherwise, and the error that they ended with.
CREATE FUNCTION t.flushes(statements text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before numeric;
  error text := '';
BEGIN
  SELECT s.value INTO before FROM cache_ext.stats s WHERE s.name = 'invalidations_everything';
  BEGIN
    PERFORM t.elsewhere(statements);
  EXCEPTION WHEN OTHERS THEN
    error := ' ' || SQLSTATE;
  END;
  RETURN (SELECT s.value - before FROM cache_ext.stats s WHERE s.name = 'invalidations_everything') || error;
END
$$;
-- The same for what cannot be part of a transaction, between \gset and this.
CREATE VIEW t.flushed AS SELECT value AS flushed FROM cache_ext.stats WHERE name = 'invalidations_everything';
GRANT USAGE ON SCHEMA t TO PUBLIC;

CREATE ROLE regress_cache_ext_owner;
CREATE ROLE regress_cache_ext_reader;
CREATE ROLE regress_cache_ext_nobody;
CREATE SCHEMA app;
CREATE SCHEMA nobody AUTHORIZATION regress_cache_ext_nobody;
GRANT ALL ON SCHEMA app TO regress_cache_ext_owner;
CREATE TYPE app.kind AS ENUM ('public', 'user');
CREATE TYPE app.other AS ENUM ('a', 'b');
CREATE DOMAIN app.others AS app.other;
CREATE TYPE app.unused AS ENUM ('a', 'b');
CREATE TABLE app.docs (kind app.kind, owner text, name text, doc jsonb) PARTITION BY LIST (name);
CREATE TABLE app.docs_n PARTITION OF app.docs FOR VALUES IN ('n') PARTITION BY HASH (owner);
CREATE TABLE app.docs_n0 PARTITION OF app.docs_n FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE app.docs_m PARTITION OF app.docs FOR VALUES IN ('m');
CREATE UNIQUE INDEX docs_key ON app.docs (owner, name, kind) NULLS NOT DISTINCT;
INSERT INTO app.docs VALUES ('public', NULL, 'n', '{"p": 0}'), ('user', 'u', 'n', '{"u": 0}'), ('public', NULL, 'm', '{"p": 0}');
-- A schema that everybody may use, as public is.
GRANT USAGE ON SCHEMA public TO PUBLIC;
CREATE TABLE public.people (id text PRIMARY KEY, domain text, other app.others[]);
ALTER TABLE public.people OWNER TO regress_cache_ext_owner;
GRANT SELECT ON public.people TO regress_cache_ext_reader;
GRANT USAGE ON SCHEMA cache_ext, app TO regress_cache_ext_reader;
GRANT SELECT (name) ON app.docs TO regress_cache_ext_reader;
SELECT cache_ext.attach_fragments('app.docs', 'kind', 'owner', 'name', 'doc');
SELECT cache_ext.attach_users('public.people', 'id', 'domain');
SELECT part, relation, suspended, reason FROM cache_ext.sources WHERE attached;

--
-- A role that owns none of it
--
CREATE TABLE t.attempts (n int GENERATED ALWAYS AS IDENTITY, who text, statements text);
INSERT INTO t.attempts (who, statements) VALUES
  ('nobody', 'GRANT USAGE ON SCHEMA public TO PUBLIC'),
  ('nobody', 'REVOKE USAGE ON SCHEMA public FROM PUBLIC'),
  ('nobody', 'GRANT USAGE ON SCHEMA cache_ext TO PUBLIC'),
  ('nobody', 'GRANT SELECT ON public.people TO PUBLIC'),
  ('nobody', 'GRANT SELECT ON ALL TABLES IN SCHEMA public, app TO PUBLIC'),
  ('nobody', 'ALTER TABLE public.people ENABLE ROW LEVEL SECURITY'),
  ('nobody', 'ALTER TABLE app.docs_m DISABLE TRIGGER ALL'),
  ('nobody', 'TRUNCATE app.docs_m'),
  ('nobody', 'COMMENT ON TABLE public.people IS ''mine'''),
  ('nobody', 'ALTER SCHEMA cache_ext RENAME TO mine'),
  ('nobody', 'CREATE OR REPLACE FUNCTION cache_ext.source_row() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END'''),
  ('nobody', 'ALTER TYPE app.kind RENAME VALUE ''user'' TO ''u'''),
  ('nobody', 'REASSIGN OWNED BY regress_cache_ext_nobody TO regress_cache_ext_nobody'),
  ('nobody', 'ALTER ROLE regress_cache_ext_nobody SET work_mem = ''1MB'''),
  ('nobody', 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC'),
  ('nobody', 'CREATE TEMP TABLE people (id text PRIMARY KEY, domain text)'),
  ('nobody', 'CREATE TEMP TABLE people (id text UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO people VALUES (1); ALTER TABLE people ADD x int; ALTER TABLE people ENABLE ROW LEVEL SECURITY; TRUNCATE people; DROP TABLE people'),
  ('nobody', 'BEGIN; CREATE TEMP TABLE people (id text UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP; CREATE TEMP TABLE child () INHERITS (people) ON COMMIT DROP; COMMIT'),
  ('nobody', 'CREATE TEMP TABLE people AS SELECT 1 AS x; CREATE TEMP VIEW docs AS TABLE people; CREATE TEMP SEQUENCE s; DISCARD TEMP'),
  ('nobody', 'CREATE TYPE pg_temp.kind AS ENUM (''public'')'),
  ('nobody', 'CREATE TYPE pg_temp.kind AS ENUM (''public''); ALTER TYPE pg_temp.kind RENAME VALUE ''public'' TO ''x''; DROP TYPE pg_temp.kind'),
  ('nobody', 'CREATE FUNCTION pg_temp.source_row() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END'''),
  ('nobody', 'CREATE TABLE nobody.people (id text PRIMARY KEY, domain text)'),
  ('nobody', 'CREATE FUNCTION nobody.source_row() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END'''),
  ('nobody', 'CREATE OR REPLACE FUNCTION nobody.source_row() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END'''),
  ('nobody', 'CREATE TRIGGER cache_ext_row AFTER INSERT ON nobody.people FOR EACH ROW EXECUTE FUNCTION nobody.source_row()'),
  ('nobody', 'ALTER TABLE nobody.people DISABLE TRIGGER cache_ext_row'),
  ('nobody', 'CREATE TRIGGER cache_ext_row AFTER INSERT ON nobody.people FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row()'),
  ('nobody', 'CREATE TABLE nobody.refers (name text REFERENCES public.people)'),
  ('nobody', 'CREATE TABLE nobody.child () INHERITS (public.people)'),
  ('nobody', 'CREATE VIEW nobody.docs AS SELECT count(*) FROM nobody.people; GRANT SELECT ON nobody.docs TO PUBLIC'),
  ('nobody', 'CREATE TYPE nobody.kind AS ENUM (''public'')'),
  ('nobody', 'ALTER TYPE nobody.kind RENAME VALUE ''public'' TO ''user'''),
  ('nobody', 'ALTER TYPE nobody.kind ADD VALUE ''x'''),
  ('nobody', 'TRUNCATE nobody.people; ALTER TABLE nobody.people RENAME id TO user_id; CREATE INDEX ON nobody.people (domain); COMMENT ON TABLE nobody.people IS ''mine'''),
  ('nobody', 'ALTER TABLE nobody.people SET (fillfactor = 90); DROP TABLE nobody.people'),
  ('nobody', 'ALTER SCHEMA nobody RENAME TO somebody'),
  ('nobody', 'DROP OWNED BY regress_cache_ext_nobody'),
  ('nobody', 'ANALYZE'),
  ('reader', 'GRANT USAGE ON SCHEMA cache_ext, app, public TO PUBLIC'),
  ('reader', 'REVOKE USAGE ON SCHEMA cache_ext FROM regress_cache_ext_reader'),
  ('reader', 'GRANT SELECT ON public.people TO PUBLIC'),
  ('reader', 'CREATE TEMP TABLE x (); GRANT SELECT ON public.people TO PUBLIC; REVOKE SELECT ON public.people FROM regress_cache_ext_reader'),
  ('reader', 'GRANT SELECT (name) ON app.docs TO PUBLIC'),
  ('reader', 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC'),
  ('reader', 'DROP OWNED BY regress_cache_ext_nobody');
SELECT t.flushes(format('SET ROLE regress_cache_ext_%s; %s', a.who, a.statements)) AS flushes, a.who, left(a.statements, 80) AS statements
  FROM t.attempts a ORDER BY a.n;
SELECT flushed AS before FROM t.flushed \gset
SET ROLE regress_cache_ext_nobody;
VACUUM public.people;
ANALYZE public.people;
RESET ROLE;
SELECT flushed - :before AS flushes FROM t.flushed;
SELECT count(*) FROM cache_ext.invalidations WHERE role LIKE 'regress_cache_ext%' AND kind = 'everything';

-- Nor does it stop its transaction's hits, or keep it from being prepared.
SELECT cache_ext.get_merged_config('u', 'n');
BEGIN;
CREATE TEMP TABLE people AS SELECT 1 AS id;
CREATE TEMP TABLE x (id int PRIMARY KEY, y int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP;
CREATE TEMP TABLE z (id int) ON COMMIT DELETE ROWS;
CREATE INDEX ON public.people (domain);
CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
TRUNCATE x;
DROP TABLE people;
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'n')$$);
COMMIT;
BEGIN;
CREATE TABLE t.unrelated (id int PRIMARY KEY);
ALTER TABLE t.unrelated ADD x int;
CREATE TYPE t.unrelated_type AS ENUM ('x');
CREATE FUNCTION t.unrelated() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER x AFTER INSERT ON t.unrelated FOR EACH ROW EXECUTE FUNCTION t.unrelated();
CREATE SCHEMA unrelated;
PREPARE TRANSACTION 'unrelated';
-- What it did to its own reads is over.
BEGIN;
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'n')$$);
COMMIT;
COMMIT PREPARED 'unrelated';
SELECT flushed - :before AS flushes FROM t.flushed;

--
-- Commands that change no result
--
INSERT INTO public.people SELECT i, 'd' FROM generate_series(1, 100) i;
INSERT INTO app.docs SELECT 'user', i, 'n', '{}' FROM generate_series(1, 100) i;
SELECT flushed AS before FROM t.flushed \gset
VACUUM (ANALYZE) public.people, app.docs, cache_ext.config_fragments;
VACUUM FULL public.people, app.docs_m, cache_ext.attached;
ANALYZE;
CREATE INDEX people_domain ON public.people (domain);
CREATE INDEX CONCURRENTLY people_domain2 ON public.people (domain, id);
CREATE INDEX docs_name ON app.docs (name);
REINDEX TABLE public.people;
REINDEX TABLE CONCURRENTLY app.docs_n0;
REINDEX INDEX CONCURRENTLY people_domain;
REINDEX SCHEMA cache_ext;
CLUSTER public.people USING people_domain;
BEGIN;
SET LOCAL work_mem = '1MB';
CLUSTER public.people;
COMMIT;
CLUSTER;
DROP INDEX people_domain, app.docs_name;
DROP INDEX CONCURRENTLY people_domain2;
COMMENT ON TABLE public.people IS 'a comment';
CREATE STATISTICS public.people_stats ON id, domain FROM public.people;
DROP STATISTICS public.people_stats;
CREATE PUBLICATION regress_cache_ext FOR TABLE public.people WITH (publish = 'insert');
DROP PUBLICATION regress_cache_ext;
GRANT SELECT ON public.people TO regress_cache_ext_reader;
SELECT flushed - :before AS flushes FROM t.flushed;
-- Of the same transaction as another command nothing is known.
SELECT t.flushes('CREATE TABLE t.beside (); CLUSTER public.people USING people_pkey');

-- What else such a command runs is looked at: an index expression that is not what
-- it says.
CREATE FUNCTION app.sneak() RETURNS text LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE public.people DISABLE TRIGGER USER; RETURN 'x'; END $$;
CREATE FUNCTION app.expression(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RETURN CASE WHEN current_setting('app.sneak', true) = 'on' THEN app.sneak() ELSE x END; END $$;
CREATE TABLE app.indexed (x text);
CREATE INDEX indexed_x ON app.indexed (app.expression(x));
INSERT INTO app.indexed SELECT generate_series(1, 10);
SET app.sneak = 'on';
SELECT flushed AS before FROM t.flushed \gset
ANALYZE app.indexed;
SELECT flushed - :before AS flushes FROM t.flushed;
VACUUM FULL app.indexed;
SELECT flushed - :before AS flushes FROM t.flushed;
SET app.sneak = 'off';
SELECT cache_ext.attach_users('public.people', 'id', 'domain');

--
-- Those that concern a source, each once
--
SELECT c.flushes, s.statements FROM unnest(ARRAY[
  -- privileges, owners, names
  'GRANT SELECT ON public.people TO regress_cache_ext_nobody',
  'REVOKE SELECT ON public.people FROM regress_cache_ext_nobody',
  'GRANT UPDATE (domain) ON public.people TO regress_cache_ext_nobody',
  'GRANT SELECT ON ALL TABLES IN SCHEMA app TO regress_cache_ext_nobody',
  'GRANT USAGE ON SCHEMA app TO regress_cache_ext_nobody',
  'GRANT USAGE ON SCHEMA cache_ext TO regress_cache_ext_nobody',
  'DROP OWNED BY regress_cache_ext_nobody',
  'ALTER TABLE public.people OWNER TO CURRENT_USER',
  'ALTER TABLE public.people OWNER TO regress_cache_ext_owner',
  'ALTER SCHEMA app OWNER TO regress_cache_ext_owner',
  'REASSIGN OWNED BY regress_cache_ext_owner TO CURRENT_USER',
  'ALTER SCHEMA app RENAME TO app2',
  'ALTER SCHEMA app2 RENAME TO app',
  'CREATE SCHEMA app2; ALTER SCHEMA app RENAME TO app3; ALTER SCHEMA app2 RENAME TO app; ALTER SCHEMA app3 RENAME TO app2',
  'ALTER SCHEMA app RENAME TO app3; ALTER SCHEMA app2 RENAME TO app; DROP SCHEMA app3',
  'ALTER SCHEMA cache_ext RENAME TO elsewhere',
  'ALTER TABLE elsewhere.scope_types DISABLE TRIGGER cache_ext_row',
  'ALTER TABLE elsewhere.scope_types ENABLE ALWAYS TRIGGER cache_ext_row',
  'ALTER SCHEMA elsewhere RENAME TO cache_ext',
  'ALTER TABLE public.people RENAME domain TO dom',
  'ALTER TABLE public.people RENAME TO persons',
  'ALTER TABLE public.persons SET SCHEMA app',
  'ALTER TABLE app.persons SET SCHEMA public; ALTER TABLE public.persons RENAME TO people',
  -- triggers, whatever they are after the transaction
  'ALTER TABLE public.people DISABLE TRIGGER USER',
  'ALTER TABLE public.people ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement',
  'ALTER TABLE public.people DISABLE TRIGGER USER; ALTER TABLE public.people ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement',
  'CREATE OR REPLACE TRIGGER cache_ext_row AFTER INSERT ON public.people FOR EACH ROW EXECUTE FUNCTION t.unrelated()',
  'CREATE OR REPLACE TRIGGER cache_ext_statement BEFORE INSERT ON public.people FOR EACH STATEMENT EXECUTE FUNCTION t.unrelated()',
  'ALTER TABLE public.people ADD z int',
  'DO $d$ BEGIN PERFORM cache_ext.attach_users(''public.people'', ''id'', ''dom''); END $d$',
  'CREATE TRIGGER another BEFORE INSERT ON public.people FOR EACH ROW EXECUTE FUNCTION t.unrelated()',
  'DROP TRIGGER another ON public.people',
  'ALTER TRIGGER cache_ext_row ON app.docs RENAME TO x',
  'ALTER TRIGGER x ON app.docs RENAME TO cache_ext_row',
  'ALTER FUNCTION cache_ext.source_row() RENAME TO source_line',
  'ALTER FUNCTION cache_ext.source_line() RENAME TO source_row',
  -- row-level security, inheritance, types
  'ALTER TABLE public.people ENABLE ROW LEVEL SECURITY',
  'ALTER TABLE public.people FORCE ROW LEVEL SECURITY',
  'ALTER TABLE public.people NO FORCE ROW LEVEL SECURITY; ALTER TABLE public.people DISABLE ROW LEVEL SECURITY',
  'CREATE TABLE t.parent (LIKE public.people); ALTER TABLE public.people INHERIT t.parent',
  'ALTER TABLE public.people NO INHERIT t.parent; DROP TABLE t.parent',
  'CREATE TABLE t.parent (); ALTER TABLE public.people INHERIT t.parent',
  'CREATE TABLE t.sibling () INHERITS (t.parent)',
  'ALTER TABLE public.people NO INHERIT t.parent; DROP TABLE t.parent CASCADE',
  'ALTER TYPE app.kind RENAME VALUE ''user'' TO ''person''',
  'ALTER TYPE app.kind RENAME VALUE ''person'' TO ''user''',
  'ALTER TYPE app.kind RENAME VALUE ''user'' TO ''person''; ALTER TYPE app.kind RENAME VALUE ''person'' TO ''user''',
  'ALTER TYPE app.other RENAME VALUE ''a'' TO ''c''',
  -- partitions
  'TRUNCATE app.docs_m',
  'TRUNCATE app.docs_n',
  'TRUNCATE app.docs_n0; TRUNCATE app.docs_n0',
  'ALTER TABLE app.docs DETACH PARTITION app.docs_m',
  'ALTER TABLE app.docs ATTACH PARTITION app.docs_m FOR VALUES IN (''m'')',
  'CREATE TABLE app.docs_l PARTITION OF app.docs FOR VALUES IN (''l'')',
  'ALTER TABLE app.docs_l DISABLE TRIGGER cache_ext_row',
  'DROP TABLE app.docs_l',
  'CREATE TABLE app.docs_l PARTITION OF app.docs FOR VALUES IN (''l''); DROP TABLE app.docs_l'
  ]) WITH ORDINALITY s (statements, n), LATERAL t.flushes(s.statements) c (flushes) ORDER BY s.n;
-- And of a type that no source has nothing.
SELECT t.flushes('ALTER TYPE app.unused RENAME VALUE ''a'' TO ''c'''), t.flushes('CREATE TYPE app.other2 AS ENUM (''a'')'), t.flushes('DROP TYPE app.other2');
-- While somebody attaches or detaches a table any may be one.
SELECT public.dblink_connect('detaches', 'dbname=' || quote_ident(current_database()));
SELECT public.dblink_exec('detaches', 'BEGIN; DO $d$ BEGIN PERFORM cache_ext.detach(''public.people''); END $d$');
SELECT t.flushes('CREATE TABLE t.z ()'), t.flushes('GRANT SELECT ON t.z TO regress_cache_ext_nobody');
SELECT public.dblink_exec('detaches', 'ROLLBACK'), public.dblink_disconnect('detaches');
SELECT t.flushes('DROP TABLE t.z');
-- Both transactions of it.
SELECT flushed AS before FROM t.flushed \gset
ALTER TABLE app.docs DETACH PARTITION app.docs_m CONCURRENTLY;
SELECT flushed - :before AS flushes FROM t.flushed;
ALTER TABLE app.docs_n DETACH PARTITION app.docs_n0 CONCURRENTLY;
SELECT flushed - :before AS flushes FROM t.flushed;
ALTER TABLE app.docs_n ATTACH PARTITION app.docs_n0 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
-- Rolled back, with the transaction or a savepoint, it is nothing.
SELECT flushed AS before FROM t.flushed \gset
BEGIN;
CREATE TABLE t.y ();
SAVEPOINT s;
ALTER TABLE public.people DISABLE TRIGGER ALL;
TRUNCATE app.docs;
ROLLBACK TO s;
COMMIT;
BEGIN;
DROP TABLE public.people;
ROLLBACK;
SELECT flushed - :before AS flushes FROM t.flushed;
-- Its transaction does not read or store anything cached, whatever it was.
CREATE FUNCTION t.within(statement text) RETURNS TABLE (result text, counted text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  SELECT c.result, c.counted INTO result, counted FROM t.count($c$SELECT cache_ext.get_merged_config('u', 'n')$c$) c;
  RAISE EXCEPTION USING MESSAGE = 'undone';
EXCEPTION WHEN OTHERS THEN
  IF SQLERRM <> 'undone' THEN
    counted := SQLERRM;
  END IF;
  RETURN NEXT;
END
$$;
INSERT INTO app.docs VALUES ('user', 'u', 'n', '{"u": 1}');
SELECT cache_ext.get_merged_config('u', 'n');
SELECT * FROM t.within('ALTER TYPE app.kind RENAME VALUE ''user'' TO ''person''');
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'n')$$);
SELECT * FROM t.within('ALTER TABLE public.people ENABLE ROW LEVEL SECURITY');
SELECT * FROM t.within('GRANT SELECT ON public.people TO regress_cache_ext_nobody');
SELECT * FROM t.within('ALTER SCHEMA app RENAME TO app2');
SELECT * FROM t.within('DROP TABLE app.docs_n0');
SELECT * FROM t.within('TRUNCATE app.docs_n0');
SELECT * FROM t.within('DROP TRIGGER cache_ext_row ON app.docs');
SELECT * FROM t.within('CREATE TABLE app.docs_l PARTITION OF app.docs FOR VALUES IN (''l'')');
SELECT * FROM t.within('ALTER FUNCTION cache_ext.source_row() RENAME TO source_line');
SELECT * FROM t.within('CREATE TEMP TABLE anything ()');
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'n')$$);
-- Without its table for what is attached, and with another in its place.
SELECT t.flushes('ALTER TABLE cache_ext.attached RENAME TO a'), t.flushes('CREATE VIEW cache_ext.attached AS TABLE cache_ext.a'),
  t.flushes('ALTER TABLE public.people ADD x int'), t.flushes('CREATE TABLE t.x ()'),
  t.flushes('DROP VIEW cache_ext.attached; CREATE TABLE cache_ext.attached (relation text); INSERT INTO cache_ext.attached VALUES (1)'), t.flushes('DROP TABLE t.x'),
  t.flushes('DROP TABLE cache_ext.attached; ALTER TABLE cache_ext.a RENAME TO attached');
-- With its table's numbers as oid: labels that are swapped are seen by all who read
-- before, in plans that were made before too, and so are a schema's privileges.
ALTER TABLE cache_ext.attached ALTER relation TYPE oid;
SELECT count(*) AS suspended FROM cache_ext.sources WHERE suspended;
PREPARE prepared AS SELECT cache_ext.get_merged_config('u', 'n');
SELECT public.dblink_connect('reads', 'dbname=' || quote_ident(current_database()));
CREATE VIEW t.read_by_all AS SELECT cache_ext.get_merged_config('u', 'n') AS here, d.config AS there FROM public.dblink('reads', $$SELECT cache_ext.get_merged_config('u', 'n')$$) AS d (config jsonb);
TABLE t.read_by_all;
TABLE t.read_by_all;
EXECUTE prepared;
SELECT t.flushes('BEGIN; ALTER TYPE app.kind RENAME VALUE ''public'' TO ''x''; ALTER TYPE app.kind RENAME VALUE ''user'' TO ''public''; ALTER TYPE app.kind RENAME VALUE ''x'' TO ''user''; COMMIT');
EXECUTE prepared;
TABLE t.read_by_all;
SELECT t.flushes('BEGIN; ALTER TYPE app.kind RENAME VALUE ''public'' TO ''x''; ALTER TYPE app.kind RENAME VALUE ''user'' TO ''public''; ALTER TYPE app.kind RENAME VALUE ''x'' TO ''user''; COMMIT');
TABLE t.read_by_all;
EXECUTE prepared;
SELECT t.flushes('GRANT USAGE ON SCHEMA app TO regress_cache_ext_nobody');
ALTER TABLE cache_ext.attached ALTER relation TYPE regclass;
DEALLOCATE prepared;
DROP VIEW t.read_by_all;
SELECT public.dblink_disconnect('reads');
-- PREPARE TRANSACTION is refused for what concerns a source.
BEGIN;
ALTER TABLE public.people ADD y int;
PREPARE TRANSACTION 'x';
SELECT suspended, reason FROM cache_ext.sources WHERE suspended;

DROP TABLE public.people, app.docs_m;
SELECT cache_ext.detach(s.relation) FROM cache_ext.sources s WHERE s.attached;
DROP SCHEMA app, unrelated CASCADE;
DROP TABLE t.attempts, t.unrelated, t.y, t.beside;
DROP TYPE t.unrelated_type;
DROP FUNCTION t.unrelated(), t.flushes(text), t.within(text);
DROP VIEW t.flushed;
REVOKE USAGE ON SCHEMA cache_ext FROM regress_cache_ext_reader;
DROP OWNED BY regress_cache_ext_owner, regress_cache_ext_reader, regress_cache_ext_nobody;
DROP ROLE regress_cache_ext_owner, regress_cache_ext_reader, regress_cache_ext_nobody;
