-- Everything that can be done to a table that is attached: what the cache says
-- is what the table says, before and after.
\set VERBOSITY terse
CREATE SCHEMA app;
CREATE SCHEMA app2;
CREATE ROLE regress_cache_ext_app_owner;
GRANT ALL ON SCHEMA app, app2 TO regress_cache_ext_app_owner;
CREATE TABLE app.names (name text PRIMARY KEY);
CREATE TABLE app.fragments (kind text, owner varchar(20), name text REFERENCES app.names, doc jsonb, note int, UNIQUE (owner, name, kind));
ALTER TABLE app.fragments OWNER TO regress_cache_ext_app_owner;
GRANT ALL ON app.names TO regress_cache_ext_app_owner;
INSERT INTO app.names VALUES ('n');
INSERT INTO app.fragments VALUES ('public', NULL, 'n', '{"p": 0}'), ('user', 'u', 'n', '{"u": 0}'), ('user', 'v', 'n', '{"v": 0}');
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');

CREATE FUNCTION app.read(u text) RETURNS TABLE (config jsonb, counted text) LANGUAGE sql AS $$
  SELECT c.result::jsonb, c.counted FROM t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', u, 'n')) c
$$;
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');

-- Disabled, written and enabled, in one transaction.
BEGIN;
ALTER TABLE app.fragments DISABLE TRIGGER ALL;
UPDATE app.fragments SET doc = '{"p": 1}' WHERE kind = 'public';
ALTER TABLE app.fragments ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement;
COMMIT;
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
-- By the owner, in two; in between, nothing is stored.
SET ROLE regress_cache_ext_app_owner;
ALTER TABLE app.fragments DISABLE TRIGGER USER;
UPDATE app.fragments SET doc = '{"p": 2}' WHERE kind = 'public';
RESET ROLE;
SELECT * FROM app.read('u');
SET ROLE regress_cache_ext_app_owner;
UPDATE app.fragments SET doc = '{"p": 3}' WHERE kind = 'public';
ALTER TABLE app.fragments ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement;
RESET ROLE;
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
-- As a replica: the triggers fire, and the hook sees them disabled.
SET session_replication_role = replica;
UPDATE app.fragments SET doc = '{"p": 4}' WHERE kind = 'public';
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
ALTER TABLE app.fragments DISABLE TRIGGER cache_ext_row;
UPDATE app.fragments SET doc = '{"p": 5}' WHERE kind = 'public';
ALTER TABLE app.fragments ENABLE ALWAYS TRIGGER cache_ext_row;
RESET session_replication_role;
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
-- Enabled, but not always; then attached again, which mends it.
ALTER TABLE app.fragments ENABLE TRIGGER cache_ext_row;
SELECT * FROM app.read('u');
SELECT part, relation, triggers, suspended FROM cache_ext.sources;
SET session_replication_role = replica;
UPDATE app.fragments SET doc = '{"p": 6}' WHERE kind = 'public';
RESET session_replication_role;
SELECT * FROM app.read('u');
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
-- Dropped, with what was written meanwhile; renamed.
DROP TRIGGER cache_ext_statement ON app.fragments;
UPDATE app.fragments SET doc = '{"p": 7}' WHERE kind = 'public';
SELECT * FROM app.read('u');
SELECT reason FROM cache_ext.sources WHERE suspended;
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
DROP TRIGGER cache_ext_row ON app.fragments;
UPDATE app.fragments SET doc = '{"p": 8}' WHERE kind = 'public';
SELECT * FROM app.read('u');
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
SELECT * FROM app.read('u');
ALTER TRIGGER cache_ext_row ON app.fragments RENAME TO zzz;
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
ALTER TRIGGER zzz ON app.fragments RENAME TO cache_ext_row;
-- A trigger function that is replaced, and put back.
SELECT pg_get_functiondef('cache_ext.source_row'::regproc) AS definition \gset
CREATE OR REPLACE FUNCTION cache_ext.source_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
UPDATE app.fragments SET doc = '{"p": 9}' WHERE kind = 'public';
SELECT * FROM app.read('u');
SELECT reason FROM cache_ext.sources WHERE part = 'fragments';
CREATE OR REPLACE FUNCTION cache_ext.source_row() RETURNS trigger LANGUAGE c AS '$libdir/cache_ext', 'cache_ext_source_statement';
UPDATE app.fragments SET doc = '{"p": 9.5}' WHERE kind = 'public';
SELECT * FROM app.read('u');
:definition;
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');

-- Columns: renamed, which is followed; retyped, with and without another text;
-- dropped; one that is not read.
ALTER TABLE app.fragments RENAME doc TO document;
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
SELECT columns FROM cache_ext.sources WHERE part = 'fragments';
UPDATE app.fragments SET document = '{"p": 10}' WHERE kind = 'public';
SELECT * FROM app.read('u');
ALTER TABLE app.fragments ALTER owner TYPE char(9);
SELECT * FROM app.read('u');
SELECT * FROM app.read('u  ');
UPDATE app.fragments SET document = '{"u": 10}' WHERE owner = 'u';
SELECT * FROM app.read('u ');
ALTER TABLE app.fragments ALTER owner TYPE varchar(20) USING upper(owner);
SELECT * FROM app.read('u');
SELECT * FROM app.read('U');
ALTER TABLE app.fragments ALTER owner TYPE varchar(20) USING lower(owner);
ALTER TABLE app.fragments ALTER document TYPE jsonb USING document || '{"rewritten": true}';
SELECT * FROM app.read('u');
-- To a type that could not be attached: computed, by the texts.
ALTER TABLE app.fragments ALTER owner TYPE varchar(20) COLLATE "und-x-icu";
SELECT * FROM app.read('u');
CREATE COLLATION app.insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
ALTER TABLE app.fragments ALTER owner TYPE text COLLATE app.insensitive;
SELECT * FROM app.read('u');
SELECT * FROM app.read('U');
SELECT reason, hint FROM cache_ext.sources WHERE suspended;
ALTER TABLE app.fragments ALTER owner TYPE varchar(20) COLLATE "default";
SELECT * FROM app.read('u');
ALTER TABLE app.fragments ADD more int, DROP note;
SELECT * FROM app.read('u');
BEGIN;
ALTER TABLE app.fragments DROP document;
SAVEPOINT s;
SELECT cache_ext.get_merged_config('u', 'n');
ROLLBACK TO s;
SELECT columns, suspended, reason, hint FROM cache_ext.sources WHERE part = 'fragments';
ROLLBACK;
SELECT * FROM app.read('u');

-- The table: renamed, moved, its schema renamed, rewritten, given away.
ALTER TABLE app.fragments RENAME TO pieces;
SELECT * FROM app.read('u');
ALTER TABLE app.pieces SET SCHEMA app2;
SELECT * FROM app.read('u');
UPDATE app2.pieces SET document = '{"u": 11}' WHERE owner = 'u';
SELECT * FROM app.read('u');
ALTER SCHEMA app2 RENAME TO app3;
SELECT * FROM app.read('w');
SELECT relation FROM cache_ext.sources WHERE part = 'fragments';
ALTER TABLE app3.pieces SET SCHEMA app;
ALTER TABLE app.pieces RENAME TO fragments;
VACUUM FULL app.fragments;
SELECT * FROM app.read('u');
CLUSTER app.fragments USING fragments_owner_name_kind_key;
SELECT * FROM app.read('u');
ALTER TABLE app.fragments SET UNLOGGED;
SELECT * FROM app.read('u');
ALTER TABLE app.fragments SET LOGGED;
ALTER TABLE app.fragments OWNER TO CURRENT_USER;
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
-- Another table in its place.
BEGIN;
CREATE TABLE app.new (LIKE app.fragments INCLUDING ALL);
INSERT INTO app.new VALUES ('public', NULL, 'n', '{"p": "new"}');
ALTER TABLE app.fragments RENAME TO old;
ALTER TABLE app.new RENAME TO fragments;
SELECT cache_ext.detach('app.old');
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'document');
COMMIT;
SELECT * FROM app.read('u');
UPDATE app.old SET document = '{"p": "old"}' WHERE kind = 'public';
SELECT * FROM app.read('u');
-- Emptied, and by a cascade.
TRUNCATE app.fragments;
SELECT * FROM app.read('u');
ALTER TABLE app.fragments ADD FOREIGN KEY (name) REFERENCES app.names;
INSERT INTO app.fragments VALUES ('user', 'u', 'n', '{"u": 12}');
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
SET client_min_messages = warning;
TRUNCATE app.names CASCADE;
RESET client_min_messages;
SELECT * FROM app.read('u');
-- Row-level security that does not bind the owner.
ALTER TABLE app.fragments ENABLE ROW LEVEL SECURITY;
INSERT INTO app.names VALUES ('n');
INSERT INTO app.fragments VALUES ('user', 'u', 'n', '{"u": 13}');
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
-- It becomes a partition, and is one no more.
CREATE TABLE app.root (LIKE app.fragments) PARTITION BY LIST (name);
SELECT t.elsewhere($$ALTER TABLE app.root ATTACH PARTITION app.fragments DEFAULT$$);
SELECT * FROM app.read('u');
INSERT INTO app.root VALUES ('public', NULL, 'n', '{"p": "by the root"}');
SELECT * FROM app.read('u');
SELECT reason, hint FROM cache_ext.sources WHERE suspended;
ALTER TABLE app.root DETACH PARTITION app.fragments;
SELECT * FROM app.read('u');
SELECT * FROM app.read('u');
-- The extension goes, and takes the triggers along.
BEGIN;
SET LOCAL client_min_messages = warning;
SAVEPOINT s;
DROP EXTENSION cache_ext;
ROLLBACK TO s;
DROP EXTENSION cache_ext CASCADE;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'app.fragments'::regclass AND tgname LIKE 'cache%';
ROLLBACK;
SELECT * FROM app.read('u');
SELECT cache_ext.detach('app.fragments');
SET client_min_messages = warning;
DROP SCHEMA app, app3 CASCADE;
DROP OWNED BY regress_cache_ext_app_owner;
DROP ROLE regress_cache_ext_app_owner;
