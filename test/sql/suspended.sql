-- While a source is suspended nothing is a hit, whatever suspends it, and however
-- well a session knew the table before; results are exact.  Mended, it is cached.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE SCHEMA app;
CREATE TABLE app.docs (kind text, owner text, name text, doc jsonb, UNIQUE NULLS NOT DISTINCT (owner, name, kind));
INSERT INTO app.docs VALUES ('public', NULL, 'n', '{"p": 0}'), ('user', 'u', 'n', '{"u": 0}');
CREATE FUNCTION app.foreign() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
SELECT cache_ext.attach_fragments('app.docs', 'kind', 'owner', 'name', 'doc');

CREATE FUNCTION app.read(OUT hit boolean, OUT is_exact boolean) LANGUAGE plpgsql AS $$
DECLARE
  before numeric := (SELECT value FROM cache_ext.stats WHERE name = 'hits');
  config jsonb := cache_ext.get_merged_config('u', 'n');
BEGIN
  hit := (SELECT value FROM cache_ext.stats WHERE name = 'hits') > before;
  is_exact := config = (SELECT jsonb_object_agg(e.key, e.value) FROM app.docs d, jsonb_each(d.doc) e WHERE d.name = 'n');
END
$$;
CREATE FUNCTION app.read_elsewhere(connection text, OUT hit boolean, OUT is_exact boolean) LANGUAGE sql AS $$
  SELECT * FROM public.dblink(connection, 'SELECT * FROM app.read()') AS r (hit boolean, is_exact boolean)
$$;

CREATE TABLE app.ways (n int GENERATED ALWAYS AS IDENTITY, way text, does text, mend text DEFAULT 'SELECT cache_ext.attach_fragments(''app.docs'', ''kind'', ''owner'', ''name'', ''doc'')',
  was_hit boolean, hits int DEFAULT 0, inexact int DEFAULT 0, suspended int DEFAULT 0, reason text, mended int DEFAULT 0);
INSERT INTO app.ways (way, does) VALUES
  ('disabled', 'ALTER TABLE app.docs DISABLE TRIGGER cache_ext_row'),
  ('statement trigger disabled', 'ALTER TABLE app.docs DISABLE TRIGGER cache_ext_statement'),
  ('not always', 'ALTER TABLE app.docs ENABLE TRIGGER cache_ext_row'),
  ('as a replica only', 'ALTER TABLE app.docs ENABLE REPLICA TRIGGER cache_ext_row'),
  ('replaced', 'CREATE OR REPLACE TRIGGER cache_ext_row AFTER INSERT OR UPDATE OR DELETE ON app.docs FOR EACH ROW EXECUTE FUNCTION app.foreign(); ALTER TABLE app.docs ENABLE ALWAYS TRIGGER cache_ext_row'),
  ('both replaced', 'CREATE OR REPLACE TRIGGER cache_ext_row AFTER INSERT ON app.docs FOR EACH ROW EXECUTE FUNCTION app.foreign(); CREATE OR REPLACE TRIGGER cache_ext_statement BEFORE INSERT ON app.docs FOR EACH STATEMENT EXECUTE FUNCTION app.foreign()'),
  ('dropped', 'DROP TRIGGER cache_ext_row ON app.docs'),
  ('statement trigger dropped', 'DROP TRIGGER cache_ext_statement ON app.docs'),
  ('for some columns', 'CREATE OR REPLACE TRIGGER cache_ext_row AFTER INSERT OR UPDATE OF kind OR DELETE ON app.docs FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row(); ALTER TABLE app.docs ENABLE ALWAYS TRIGGER cache_ext_row'),
  ('with a condition', 'CREATE OR REPLACE TRIGGER cache_ext_row AFTER INSERT OR UPDATE OR DELETE ON app.docs FOR EACH ROW WHEN (pg_trigger_depth() > 0) EXECUTE FUNCTION cache_ext.source_row(); ALTER TABLE app.docs ENABLE ALWAYS TRIGGER cache_ext_row'),
  ('statement trigger with a condition', 'CREATE OR REPLACE TRIGGER cache_ext_statement BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON app.docs FOR EACH STATEMENT WHEN (pg_trigger_depth() > 0) EXECUTE FUNCTION cache_ext.source_statement(); ALTER TABLE app.docs ENABLE ALWAYS TRIGGER cache_ext_statement'),
  ('without INSERT', 'CREATE OR REPLACE TRIGGER cache_ext_row AFTER UPDATE OR DELETE ON app.docs FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row(); ALTER TABLE app.docs ENABLE ALWAYS TRIGGER cache_ext_row');
INSERT INTO app.ways (way, does, mend) VALUES
  ('forced row-level security', 'ALTER TABLE app.docs ENABLE ROW LEVEL SECURITY; ALTER TABLE app.docs FORCE ROW LEVEL SECURITY', 'ALTER TABLE app.docs NO FORCE ROW LEVEL SECURITY; ALTER TABLE app.docs DISABLE ROW LEVEL SECURITY'),
  ('a child', 'CREATE TABLE app.parent (LIKE app.docs); ALTER TABLE app.docs INHERIT app.parent', 'ALTER TABLE app.docs NO INHERIT app.parent; DROP TABLE app.parent'),
  ('a partition', 'CREATE TABLE app.parent (LIKE app.docs) PARTITION BY LIST (name); ALTER TABLE app.parent ATTACH PARTITION app.docs DEFAULT', 'ALTER TABLE app.parent DETACH PARTITION app.docs; DROP TABLE app.parent'),
  ('function replaced', 'ALTER FUNCTION cache_ext.source_row() RENAME TO source_line', 'ALTER FUNCTION cache_ext.source_line() RENAME TO source_row');

-- Each of them: this session and another one knew the table; one that is new reads
-- first after it, and is old after the write that no trigger sees.
CREATE PROCEDURE app.try() LANGUAGE plpgsql AS $$
DECLARE
  w record;
  r record;
  n_hits int;
  n_inexact int;
BEGIN
  FOR w IN SELECT * FROM app.ways ORDER BY n LOOP
    PERFORM public.dblink_connect('old', 'dbname=' || quote_ident(current_database()) || ' options=''-c client_min_messages=error''');
    PERFORM app.read();
    COMMIT;
    PERFORM app.read_elsewhere('old');
    UPDATE app.ways SET was_hit = (SELECT o.hit FROM app.read_elsewhere('old') o) AND (SELECT o.hit FROM app.read() o) WHERE n = w.n;
    COMMIT;
    PERFORM t.elsewhere(w.does);
    PERFORM public.dblink_connect('new', 'dbname=' || quote_ident(current_database()) || ' options=''-c client_min_messages=error''');
    n_hits := 0;
    n_inexact := 0;
    FOR step IN 1 .. 2 LOOP
      FOR r IN SELECT * FROM app.read() UNION ALL SELECT * FROM app.read_elsewhere('old') UNION ALL SELECT * FROM app.read_elsewhere('new') UNION ALL SELECT * FROM app.read() LOOP
        n_hits := n_hits + r.hit::int;
        n_inexact := n_inexact + (NOT r.is_exact)::int;
      END LOOP;
      COMMIT;
      PERFORM t.elsewhere(format('SET session_replication_role = origin; UPDATE app.docs SET doc = ''{"p": %s}'' WHERE kind = ''public''', w.n));
    END LOOP;
    UPDATE app.ways SET hits = n_hits, inexact = n_inexact,
      suspended = (SELECT count(*) FROM cache_ext.sources s WHERE s.suspended), reason = (SELECT min(s.reason) FROM cache_ext.sources s WHERE s.suspended) WHERE n = w.n;
    COMMIT;
    PERFORM public.dblink_exec('dbname=' || quote_ident(current_database()), 'DO $d$ BEGIN ' || CASE WHEN w.mend LIKE 'SELECT%' THEN replace(w.mend, 'SELECT', 'PERFORM') ELSE w.mend END || '; END $d$');
    PERFORM app.read();
    COMMIT;
    UPDATE app.ways SET mended = (SELECT count(*) FROM (SELECT * FROM app.read() UNION ALL SELECT * FROM app.read_elsewhere('old') UNION ALL SELECT * FROM app.read_elsewhere('new')) m WHERE m.hit AND m.is_exact) WHERE n = w.n;
    PERFORM public.dblink_disconnect('old'), public.dblink_disconnect('new');
    COMMIT;
  END LOOP;
END
$$;
CALL app.try();
SELECT way, was_hit, hits, inexact, suspended > 0 AS suspended, mended, CASE WHEN way <> 'a child' THEN reason END AS reason FROM app.ways ORDER BY n;

-- Forced, but not enabled, row-level security binds nobody.
ALTER TABLE app.docs FORCE ROW LEVEL SECURITY;
SELECT count(*) AS suspended FROM cache_ext.sources s WHERE s.suspended;
ALTER TABLE app.docs NO FORCE ROW LEVEL SECURITY;
-- What cannot be read is an error, whatever else there is that only suspends: another
-- source, or of the same one.
CREATE COLLATION app.insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE app.members (id text PRIMARY KEY, domain text);
CREATE TABLE app.rules (name text, kind text, rank int);
CREATE TABLE app.chains (name text, chain text[]);
INSERT INTO app.rules VALUES ('n', 'public', 1);
INSERT INTO app.chains VALUES ('n', '{public}');
SELECT cache_ext.attach_users('app.members', 'id', 'domain');
ALTER TABLE app.docs DISABLE TRIGGER cache_ext_row;
ALTER TABLE app.members DROP domain;
SELECT t.message($$SELECT cache_ext.get_merged_config('u', 'n')$$);
SELECT cache_ext.detach('app.members');
SELECT t.message($$SELECT cache_ext.get_merged_config('u', 'n')$$);
SELECT cache_ext.attach_policies('app.rules', 'name', 'kind', 'rank');
ALTER TABLE app.rules ALTER name TYPE text COLLATE app.insensitive, ALTER rank TYPE numeric;
SELECT t.message($$SELECT cache_ext.get_merged_config('u', 'n')$$);
SELECT cache_ext.detach('app.rules');
SELECT cache_ext.attach_policies('app.chains', 'name', scope_sources => 'chain');
SELECT cache_ext.get_merged_config('u', 'n') ? 'p' AS is_read;
ALTER TABLE app.chains ALTER chain TYPE text USING 'public';
SELECT t.message($$SELECT cache_ext.get_merged_config('u', 'n')$$);
SELECT s.part, s.reason FROM cache_ext.sources s WHERE s.suspended ORDER BY s.part;

SELECT cache_ext.detach('app.chains'), cache_ext.detach('app.docs');
DROP SCHEMA app CASCADE;
