-- An application's tables: definitions, an allow-list with ranks, fragments by
-- uuid, and users who name their domain, whose uuid another table knows.
\set VERBOSITY default
CREATE SCHEMA portal;
CREATE TABLE portal.domains (id uuid PRIMARY KEY, name varchar(64) NOT NULL UNIQUE);
CREATE TABLE portal.users (uuid uuid PRIMARY KEY, domain_name varchar(64) REFERENCES portal.domains (name) ON UPDATE CASCADE);
CREATE TABLE portal.definitions (config_name varchar(128) PRIMARY KEY, description text);
CREATE TABLE portal.allowed (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  config_name varchar(128) NOT NULL REFERENCES portal.definitions ON UPDATE CASCADE ON DELETE CASCADE,
  scope_type varchar(32) NOT NULL,
  rank integer NOT NULL,
  UNIQUE (config_name, scope_type)
);
CREATE TABLE portal.fragments (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  config_name varchar(128) NOT NULL,
  scope_type varchar(32) NOT NULL,
  scope_id uuid,
  config jsonb NOT NULL,
  UNIQUE NULLS NOT DISTINCT (scope_type, scope_id, config_name),
  FOREIGN KEY (config_name, scope_type) REFERENCES portal.allowed (config_name, scope_type) ON UPDATE CASCADE ON DELETE CASCADE
);

CREATE FUNCTION portal.id(i int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT lpad(i::text, 32, '0')::uuid $$;
-- What the merge is.
CREATE FUNCTION portal.reference(u uuid, n text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT reference.fold(array_agg(f.config ORDER BY a.rank, a.scope_type COLLATE "C"))
    FROM portal.allowed a JOIN portal.fragments f USING (config_name, scope_type)
   WHERE a.config_name = n
     AND (a.scope_type = 'public' AND f.scope_id IS NULL
          OR a.scope_type IN ('domain', 'domain_user_defaults')
             AND f.scope_id = (SELECT d.id FROM portal.users s JOIN portal.domains d ON d.name = s.domain_name WHERE s.uuid = u)
          OR a.scope_type = 'user' AND f.scope_id = u)
$$;
CREATE FUNCTION portal.read(u int, n text) RETURNS TABLE (config jsonb, counted text, is_exact boolean) LANGUAGE sql AS $$
  SELECT c.result::jsonb, c.counted, c.result::jsonb IS NOT DISTINCT FROM portal.reference(portal.id(u), n)
    FROM t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', portal.id(u), n)) c
$$;

INSERT INTO portal.domains VALUES (portal.id(100), 'acme'), (portal.id(200), 'umbrella');
INSERT INTO portal.users VALUES (portal.id(1), 'acme'), (portal.id(2), 'acme'), (portal.id(3), 'umbrella'), (portal.id(4), NULL);
INSERT INTO portal.definitions VALUES ('theme'), ('sidebar');
INSERT INTO portal.allowed (config_name, scope_type, rank) VALUES
  ('theme', 'public', 10), ('theme', 'domain', 20), ('theme', 'user', 30), ('sidebar', 'public', 20), ('sidebar', 'user', 10);
INSERT INTO portal.fragments (config_name, scope_type, scope_id, config) VALUES
  ('theme', 'public', NULL, '{"color": "blue", "size": 10}'),
  ('theme', 'domain', portal.id(100), '{"size": 12, "logo": "acme"}'),
  ('theme', 'domain', portal.id(200), '{"logo": "umbrella"}'),
  ('theme', 'user', portal.id(1), '{"color": "red"}'),
  ('sidebar', 'public', NULL, '{"home": 1, "help": true}'),
  ('sidebar', 'user', portal.id(1), '{"home": 2, "own": true}');

-- Three statements.
SELECT cache_ext.attach_policies('portal.allowed', scope_type => 'scope_type', rank => 'rank');
SELECT cache_ext.attach_fragments('portal.fragments');
SELECT cache_ext.attach_users('portal.users', user_id => 'uuid', domain_id => 'domain_name', domains => 'portal.domains');
SELECT part, relation, attached, columns, suspended FROM cache_ext.sources;

SELECT i, c.* FROM generate_series(1, 5) i, portal.read(i, 'theme') c;
SELECT i, c.* FROM generate_series(1, 5) i, portal.read(i, 'theme') c;
SELECT i, c.* FROM generate_series(1, 2) i, portal.read(i, 'sidebar') c;
SELECT * FROM portal.read(1, 'unknown');
SELECT cache_ext.get_public_config('theme');
-- One canonical form, whatever the caller writes.
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('{00000000000000000000000000000001}', 'theme')$$);
SELECT cache_ext.get_merged_config('alice', 'theme');

-- Each table is watched, and a change touches no more than it concerns.
SELECT t.elsewhere($$UPDATE portal.fragments SET config = '{"color": "green"}' WHERE scope_type = 'user' AND config_name = 'theme'$$);
SELECT i, c.* FROM generate_series(1, 2) i, portal.read(i, 'theme') c;
SELECT t.elsewhere($$UPDATE portal.fragments SET config = '{"size": 13}' WHERE scope_id = portal.id(100)$$);
SELECT i, c.* FROM generate_series(1, 3) i, portal.read(i, 'theme') c;
SELECT t.elsewhere($$UPDATE portal.fragments SET config = '{"size": 9}' WHERE scope_id IS NULL AND config_name = 'theme'$$);
SELECT i, c.* FROM generate_series(1, 4) i, portal.read(i, 'theme') c;
SELECT t.elsewhere($$UPDATE portal.allowed SET rank = 30 WHERE config_name = 'sidebar' AND scope_type = 'user'$$);
SELECT * FROM portal.read(1, 'sidebar');
SELECT * FROM portal.read(1, 'theme');
SELECT t.elsewhere($$UPDATE portal.users SET domain_name = 'umbrella' WHERE uuid = portal.id(1)$$);
SELECT i, c.* FROM generate_series(1, 2) i, portal.read(i, 'theme') c;
-- The lookup of the domain: another id, another name with its cascade, a name
-- that comes to be known after it was looked for.
SELECT t.elsewhere($$UPDATE portal.domains SET id = portal.id(300) WHERE name = 'acme'$$);
SELECT i, c.* FROM generate_series(2, 3) i, portal.read(i, 'theme') c;
SELECT t.elsewhere($$UPDATE portal.domains SET id = portal.id(100) WHERE name = 'acme'$$);
SELECT t.elsewhere($$UPDATE portal.domains SET name = 'ACME' WHERE name = 'acme'$$);
SELECT i, c.* FROM generate_series(2, 3) i, portal.read(i, 'theme') c;
ALTER TABLE portal.users DROP CONSTRAINT users_domain_name_fkey;
SELECT t.elsewhere($$UPDATE portal.users SET domain_name = 'late' WHERE uuid = portal.id(2)$$);
SELECT * FROM portal.read(2, 'theme');
SELECT * FROM portal.read(2, 'theme');
SELECT t.elsewhere($$INSERT INTO portal.domains VALUES (portal.id(400), 'late')$$);
SELECT t.elsewhere($$INSERT INTO portal.fragments (config_name, scope_type, scope_id, config) VALUES ('theme', 'domain', portal.id(400), '{"logo": "late"}')$$);
SELECT * FROM portal.read(2, 'theme');
SELECT t.elsewhere($$DELETE FROM portal.domains WHERE name = 'late'$$);
SELECT * FROM portal.read(2, 'theme');
SELECT * FROM portal.read(2, 'theme');
-- A column that the merge does not read; and cascades from end to end.
SELECT t.elsewhere($$UPDATE portal.definitions SET description = 'x'$$);
SELECT * FROM portal.read(3, 'theme');
SELECT t.elsewhere($$UPDATE portal.definitions SET config_name = 'look' WHERE config_name = 'theme'$$);
SELECT * FROM portal.read(3, 'theme');
SELECT * FROM portal.read(3, 'look');
SELECT t.elsewhere($$DELETE FROM portal.definitions WHERE config_name = 'look'$$);
SELECT * FROM portal.read(3, 'look');
-- The extension's definitions say how attached names are merged.
INSERT INTO cache_ext.config_definitions (config_name, merge_strategy) VALUES ('sidebar', 'replace')
  ON CONFLICT (config_name) DO UPDATE SET merge_strategy = 'replace';
SELECT cache_ext.get_merged_config(portal.id(1)::text, 'sidebar');
UPDATE cache_ext.config_definitions SET merge_strategy = 'deep' WHERE config_name = 'sidebar';

-- Detached, the extension's own tables are read again.
SELECT cache_ext.detach('portal.users');
SELECT cache_ext.detach('portal.fragments');
SELECT cache_ext.detach('portal.allowed');
SELECT cache_ext.detach('portal.allowed');
SELECT part, relation, attached, suspended FROM cache_ext.sources;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'cache\_ext%' AND tgrelid::regclass::text LIKE 'portal.%';
SELECT * FROM t.read('alice', 'theme');
SET client_min_messages = warning;
DROP SCHEMA portal CASCADE;
