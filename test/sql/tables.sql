-- Constraints of the extension's own tables.
\set VERBOSITY default
BEGIN;
-- scope_id is null exactly where the scope type is keyed by none.
SAVEPOINT s;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('public', 'x', 'menu', '{}');
ROLLBACK TO s;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('domain', NULL, 'menu', '{}');
ROLLBACK TO s;
UPDATE cache_ext.config_fragments SET scope_id = NULL WHERE scope_type = 'user';
ROLLBACK TO s;
-- One fragment a scope and name, the public one included.
INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) VALUES ('public', 'menu', '{}');
ROLLBACK TO s;
-- The policy is the write gate.
DELETE FROM cache_ext.config_policies WHERE config_name = 'menu' AND scope_type = 'user';
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('user', 'bob', 'menu', '{}');
ROLLBACK TO s;
INSERT INTO cache_ext.config_policies VALUES ('unknown', 'user');
ROLLBACK TO s;
INSERT INTO cache_ext.config_policies VALUES ('menu', 'planet');
ROLLBACK TO s;
INSERT INTO cache_ext.config_definitions VALUES ('bad', 'sideways');
ROLLBACK TO s;
INSERT INTO cache_ext.config_definitions (config_name, ttl) VALUES ('bad', '-1 second');
ROLLBACK TO s;
INSERT INTO cache_ext.config_definitions VALUES ('');
ROLLBACK TO s;
INSERT INTO cache_ext.users VALUES (repeat('x', 513));
ROLLBACK TO s;
-- Revoking the policy drops the data, and so does dropping the definition.
DELETE FROM cache_ext.config_policies WHERE config_name = 'theme' AND scope_type = 'domain';
SELECT scope_type, scope_id FROM cache_ext.config_fragments WHERE config_name = 'theme' ORDER BY 1, 2;
DELETE FROM cache_ext.config_definitions WHERE config_name = 'theme';
SELECT count(*) FROM cache_ext.config_fragments WHERE config_name = 'theme';
ROLLBACK TO s;
-- A built-in scope type is changed by inserting it: what a restore does.
INSERT INTO cache_ext.scope_types VALUES ('user', 'user', 500), ('team', 'domain', 150);
SELECT * FROM cache_ext.scope_types ORDER BY scope_type;
INSERT INTO cache_ext.scope_types VALUES ('team', 'user', 1);
ROLLBACK TO s;
-- What it is keyed by cannot change under its fragments.
UPDATE cache_ext.scope_types SET keyed_by = 'domain' WHERE scope_type = 'user';
ROLLBACK TO s;
-- Also where who changes it cannot see them.
CREATE ROLE regress_cache_ext_keeper;
GRANT USAGE ON SCHEMA cache_ext TO regress_cache_ext_keeper;
GRANT SELECT, UPDATE ON cache_ext.scope_types TO regress_cache_ext_keeper;
SET LOCAL ROLE regress_cache_ext_keeper;
UPDATE cache_ext.scope_types SET keyed_by = 'domain' WHERE scope_type = 'user';
ROLLBACK TO s;
INSERT INTO cache_ext.scope_types VALUES ('team', 'galaxy', 150);
ROLLBACK TO s;
-- updated_at follows.
UPDATE cache_ext.config_fragments SET updated_at = 'epoch', config = '{}' WHERE scope_type = 'user';
UPDATE cache_ext.config_fragments SET config = '{"a": 1}' WHERE scope_type = 'user';
SELECT updated_at = now() AS is_now FROM cache_ext.config_fragments WHERE scope_type = 'user';
ROLLBACK;
