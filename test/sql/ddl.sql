-- What no row trigger sees.  While a trigger is not whole, reads go through.
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES
  ('domain', 'acme', 'theme', '{"logo": "acme.svg"}'), ('domain', 'umbrella', 'theme', '{"logo": "umbrella.svg"}');
SELECT t.warm();
SELECT * FROM t.read('alice', 'theme');

-- Disabled, written, enabled: in one transaction.
BEGIN;
ALTER TABLE cache_ext.config_fragments DISABLE TRIGGER cache_ext_row;
UPDATE cache_ext.config_fragments SET config = '{"color": "unseen"}' WHERE config_name = 'theme' AND scope_type = 'public';
SELECT * FROM t.read('alice', 'theme');
ALTER TABLE cache_ext.config_fragments ENABLE ALWAYS TRIGGER cache_ext_row;
COMMIT;
SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('alice', 'theme');

-- In several.
ALTER TABLE cache_ext.config_fragments DISABLE TRIGGER ALL;
SELECT * FROM t.read('alice', 'theme');
UPDATE cache_ext.config_fragments SET config = '{"color": "unseen too"}' WHERE config_name = 'theme' AND scope_type = 'public';
SELECT * FROM t.read('alice', 'theme');
ALTER TABLE cache_ext.config_fragments ENABLE TRIGGER ALL;
-- Enabled, but not ALWAYS.
SELECT * FROM t.read('alice', 'theme');
ALTER TABLE cache_ext.config_fragments ENABLE ALWAYS TRIGGER cache_ext_row;
SELECT * FROM t.read('alice', 'theme');
ALTER TABLE cache_ext.config_fragments ENABLE ALWAYS TRIGGER cache_ext_statement;
SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('alice', 'theme');

-- The hook does not depend on the role.
SET session_replication_role = replica;
ALTER TABLE cache_ext.users DISABLE TRIGGER cache_ext_row;
UPDATE cache_ext.users SET domain_id = 'umbrella' WHERE user_id = 'alice';
ALTER TABLE cache_ext.users ENABLE ALWAYS TRIGGER cache_ext_row;
RESET session_replication_role;
SELECT * FROM t.read('alice', 'theme');
UPDATE cache_ext.users SET domain_id = 'acme' WHERE user_id = 'alice';

-- An old snapshot cannot store what it sees after the mending.
SELECT * FROM t.read('bob', 'theme');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 AS snapshot_taken;
SELECT t.elsewhere($$ALTER TABLE cache_ext.config_fragments DISABLE TRIGGER cache_ext_row;
  UPDATE cache_ext.config_fragments SET config = '{"color": "between"}' WHERE config_name = 'theme' AND scope_type = 'public'$$);
SELECT t.elsewhere($$ALTER TABLE cache_ext.config_fragments ENABLE ALWAYS TRIGGER cache_ext_row$$);
SELECT * FROM t.read('bob', 'theme');
COMMIT;
SELECT * FROM t.read('bob', 'theme');

-- Dropped and created again.
SELECT t.warm();
DROP TRIGGER cache_ext_row ON cache_ext.config_policies;
SELECT * FROM t.read('alice', 'theme');
UPDATE cache_ext.config_policies SET rank = 1 WHERE scope_type = 'user';
SELECT * FROM t.read('alice', 'theme');
-- With a condition, or for some columns only, it is not whole.
CREATE TRIGGER cache_ext_row AFTER UPDATE OF rank ON cache_ext.config_policies FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row();
ALTER TABLE cache_ext.config_policies ENABLE ALWAYS TRIGGER cache_ext_row;
SELECT * FROM t.read('alice', 'theme');
DROP TRIGGER cache_ext_row ON cache_ext.config_policies;
CREATE TRIGGER cache_ext_row AFTER INSERT OR UPDATE OR DELETE ON cache_ext.config_policies FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row();
SELECT * FROM t.read('alice', 'theme');
ALTER TABLE cache_ext.config_policies ENABLE ALWAYS TRIGGER cache_ext_row;
SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('alice', 'theme');
UPDATE cache_ext.config_policies SET rank = NULL;

-- A rewrite that changes the data, a renamed and a dropped column.
SELECT t.warm();
ALTER TABLE cache_ext.config_fragments ALTER config TYPE jsonb USING config || '{"rewritten": true}';
SELECT * FROM t.read('alice', 'theme');
SELECT t.warm();
BEGIN;
ALTER TABLE cache_ext.users RENAME domain_id TO domain_name;
SELECT cache_ext.get_merged_config('alice', 'theme');
ROLLBACK;
SELECT * FROM t.read('alice', 'theme');
ALTER TABLE cache_ext.users ADD COLUMN note text;
SELECT * FROM t.read('alice', 'theme');
ALTER TABLE cache_ext.users DROP COLUMN note;
SELECT * FROM t.read('alice', 'theme');
-- A renamed table of the extension's is missed; its triggers invalidate.
ALTER TABLE cache_ext.users RENAME TO people;
\set VERBOSITY terse
SELECT cache_ext.get_merged_config('alice', 'theme');
UPDATE cache_ext.people SET domain_id = 'umbrella' WHERE user_id = 'alice';
ALTER TABLE cache_ext.people RENAME TO users;
SELECT * FROM t.read('alice', 'theme');
UPDATE cache_ext.users SET domain_id = 'acme' WHERE user_id = 'alice';

-- A child table's rows are not the source's.
CREATE TABLE t.child () INHERITS (cache_ext.users);
INSERT INTO t.child VALUES ('dave', 'acme');
SELECT cache_ext.get_merged_config('dave', 'theme') -> 'logo' AS no_logo;
DROP TABLE t.child;

-- Shadowed names do not matter, in temporary tables or in the search_path.
CREATE TEMP TABLE users AS SELECT 'alice'::text AS user_id, 'umbrella'::text AS domain_id;
CREATE TEMP TABLE config_fragments AS SELECT * FROM cache_ext.config_fragments WHERE false;
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR shadow.= (LEFTARG = text, RIGHTARG = text, FUNCTION = shadow.eq);
SET search_path = pg_temp, shadow, cache_ext, pg_catalog;
SET cache_ext.enabled = off;
SELECT cache_ext.get_merged_config('alice', 'theme') -> 'logo' AS logo;
RESET cache_ext.enabled;
SELECT cache_ext.get_merged_config('alice', 'theme') -> 'logo' AS logo;
RESET search_path;
DROP TABLE pg_temp.users, pg_temp.config_fragments;
DROP SCHEMA shadow CASCADE;

-- Locked against writers, as by CREATE INDEX: reads fill and hit.
SELECT t.elsewhere($$UPDATE cache_ext.config_fragments SET config = '{"color": "locked"}' WHERE config_name = 'theme' AND scope_type = 'public'$$);
SELECT public.dblink_connect('ddl', 'dbname=' || quote_ident(current_database()));
SELECT public.dblink_exec('ddl', 'BEGIN; LOCK TABLE cache_ext.config_fragments IN SHARE MODE');
SELECT * FROM t.read('alice', 'theme');
SELECT public.dblink_exec('ddl', 'COMMIT');
SELECT public.dblink_disconnect('ddl');
SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('alice', 'theme');

-- The extension dropped and created again, with other contents.
BEGIN;
CREATE TABLE t.saved AS SELECT * FROM cache_ext.config_fragments;
CREATE TABLE t.saved_users AS SELECT * FROM cache_ext.users;
DROP SCHEMA reference CASCADE;
DROP EXTENSION cache_ext CASCADE;
COMMIT;
CREATE EXTENSION cache_ext;
SELECT cache_ext.get_merged_config('alice', 'theme');
INSERT INTO cache_ext.config_definitions (config_name) VALUES ('theme'), ('menu');
INSERT INTO cache_ext.config_policies (config_name, scope_type)
  SELECT d.config_name, s.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types s;
INSERT INTO cache_ext.users TABLE t.saved_users;
INSERT INTO cache_ext.config_fragments SELECT scope_type, scope_id, config_name, '{"new": 1}', updated_at FROM t.saved;
\getenv abs_srcdir PG_ABS_SRCDIR
\set reference :abs_srcdir '/stress/reference.sql'
\set ECHO none
\i :reference
\set ECHO all
SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('alice', 'theme');
