-- What users of a domain share is computed once, for all of them.
CREATE SCHEMA b;
CREATE FUNCTION b.read(u text, n text) RETURNS TABLE (config jsonb, is_exact boolean, base text) LANGUAGE plpgsql AS $$
DECLARE
  hits numeric := (SELECT value FROM cache_ext.stats WHERE name = 'base_hits');
  fills numeric := (SELECT value FROM cache_ext.stats WHERE name = 'base_fills');
BEGIN
  config := cache_ext.get_merged_config(u, n);
  is_exact := config IS NOT DISTINCT FROM reference.merge(u, n);
  SELECT string_agg(format('%s=%s', s.name, s.value - CASE s.name WHEN 'base_hits' THEN hits ELSE fills END), ' ' ORDER BY s.name) INTO base
    FROM cache_ext.stats s WHERE s.name IN ('base_hits', 'base_fills');
  RETURN NEXT;
END
$$;
INSERT INTO cache_ext.users SELECT 'b' || i, 'hill' FROM generate_series(1, 5) i UNION ALL SELECT 'c' || i, 'dale' FROM generate_series(1, 5) i;
INSERT INTO cache_ext.config_definitions (config_name) VALUES ('shared');
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT 'shared', t.scope_type FROM cache_ext.scope_types t;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES
  ('public', NULL, 'shared', '{"p": 0, "deep": {"p": 0}}'), ('domain', 'hill', 'shared', '{"d": 0, "deep": {"d": 0}}'),
  ('user', 'b1', 'shared', '{"u": 0, "p": null, "deep": {"d": "mine"}}');

-- The first of a domain makes it, the others find it; a miss of theirs reads the
-- user and the user's fragment.
SELECT i, r.* FROM generate_series(1, 3) i, b.read('b' || i, 'shared') r;
SELECT * FROM b.read('c1', 'shared');
SELECT * FROM b.read('b1', 'shared');
SELECT * FROM t.scans($$SELECT cache_ext.get_merged_config('b4', 'shared')$$, 'cache_ext');
-- Rendered, or a piece: the same base.  Without a domain there is one too.
SELECT cache_ext.get_merged_config_json('b1', 'shared');
SELECT u, r.* FROM unnest('{nobody,no other}'::text[]) u, b.read(u, 'shared') r;
-- It is invalidated with what it was made of: not by a user's fragment.
SELECT t.elsewhere($$UPDATE cache_ext.config_fragments SET config = '{"u": 1}' WHERE scope_id = 'b1'$$);
SELECT * FROM b.read('b1', 'shared');
SELECT t.elsewhere($$UPDATE cache_ext.config_fragments SET config = '{"d": 1}' WHERE scope_id = 'hill'$$);
SELECT i, r.* FROM generate_series(1, 2) i, b.read('b' || i, 'shared') r;
SELECT * FROM b.read('c2', 'shared');
SELECT t.elsewhere($$UPDATE cache_ext.config_fragments SET config = '{"p": 1}' WHERE scope_type = 'public' AND config_name = 'shared'$$);
SELECT * FROM b.read('b1', 'shared');
SELECT * FROM b.read('c3', 'shared');
SELECT t.elsewhere($$UPDATE cache_ext.users SET domain_id = 'dale' WHERE user_id = 'b1'$$);
SELECT * FROM b.read('b1', 'shared');
SELECT t.elsewhere($$UPDATE cache_ext.config_definitions SET merge_strategy = 'replace' WHERE config_name = 'shared'$$);
SELECT * FROM b.read('b1', 'shared');
SELECT t.elsewhere($$UPDATE cache_ext.config_definitions SET merge_strategy = 'merge_patch' WHERE config_name = 'shared'$$);
SELECT t.elsewhere($$UPDATE cache_ext.config_fragments SET config = '{"p": null, "u": [null]}' WHERE scope_id = 'b1'$$);
SELECT * FROM b.read('b1', 'shared');
-- A scope keyed by user below another: none.
SELECT t.elsewhere($$UPDATE cache_ext.config_policies SET rank = 1 WHERE config_name = 'shared' AND scope_type = 'user'$$);
SELECT * FROM b.read('b1', 'shared');
SELECT * FROM b.read('b2', 'shared');
SELECT t.elsewhere($$UPDATE cache_ext.config_policies SET rank = NULL WHERE config_name = 'shared'$$);
-- Two scopes keyed by user.
INSERT INTO cache_ext.scope_types VALUES ('device', 'user', 400);
INSERT INTO cache_ext.config_policies VALUES ('shared', 'device');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('device', 'b1', 'shared', '{"u": "device"}');
SELECT * FROM b.read('b2', 'shared');
SELECT * FROM b.read('b1', 'shared');
-- Nothing at all, and users alone.
DELETE FROM cache_ext.config_fragments WHERE config_name = 'shared' AND scope_type <> 'device';
SELECT * FROM b.read('b2', 'shared');
SELECT * FROM b.read('b1', 'shared');
-- A transaction that wrote does without.
BEGIN;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('public', NULL, 'shared', '{"own": 1}');
SELECT * FROM b.read('b3', 'shared');
ROLLBACK;
SELECT * FROM b.read('b3', 'shared');
DELETE FROM cache_ext.scope_types WHERE scope_type = 'device';
DELETE FROM cache_ext.config_definitions WHERE config_name = 'shared';
DELETE FROM cache_ext.users WHERE domain_id IN ('hill', 'dale');
SET client_min_messages = warning;
DROP SCHEMA b CASCADE;
