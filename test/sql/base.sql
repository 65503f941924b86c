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
-- Documents that are nested too deep to be merged, for this stack, do not matter where
-- nothing of that is left in the end: a read gives what computing gives, or fails
-- as it does.  Small ones, and some that are too large for a base.
CREATE TABLE b.deep (name text, doc jsonb);
INSERT INTO b.deep VALUES ('none', NULL), ('scalar', '7'), ('empty', '{}'), ('flat', '{"k": 7}'),
  ('objects', jsonb_build_object('k', (repeat('{"a":', 2000) || '1' || repeat('}', 2000))::jsonb)), ('arrays', jsonb_build_object('k', (repeat('[', 4000) || repeat(']', 4000))::jsonb)),
  ('nulls', (repeat('{"k":', 2000) || 'null' || repeat('}', 2000))::jsonb);
INSERT INTO b.deep SELECT 'large ' || name, doc || jsonb_build_object('large', repeat('x', 70000)) FROM b.deep WHERE name = 'objects';
CREATE TABLE b.cases AS
  SELECT s.s || ': ' || p.name || ', ' || d.name || ', ' || u.name AS name, s.s AS strategy, p.doc AS public, d.doc AS domain, u.doc AS "user"
    FROM unnest('{deep,shallow,replace,merge_patch}'::text[]) s, b.deep p, b.deep d, b.deep u
   WHERE length(p.doc::text) > 1000 AND d.name IN ('none', 'flat', 'objects') AND u.name IN ('none', 'scalar', 'empty', 'flat');
INSERT INTO cache_ext.config_definitions (config_name, merge_strategy) SELECT name, strategy FROM b.cases;
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT c.name, t.scope_type FROM b.cases c, cache_ext.scope_types t;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT f.* FROM b.cases c, LATERAL (VALUES ('public', NULL, c.name, c.public), ('domain', 'dale', c.name, c.domain), ('user', 'b1', c.name, c."user")) f (kind, id, name, doc) WHERE f.doc IS NOT NULL;
CREATE FUNCTION b.outcome(function text, u text, n text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE format('SELECT coalesce(md5(cache_ext.%I(%L, %L)::text), ''nothing'')', function, u, n) INTO result;
  RETURN result;
EXCEPTION WHEN statement_too_complex THEN
  RETURN 'too deep';
END
$$;
CREATE VIEW b.outcomes AS
  SELECT c.name, u.u, b.outcome('get_merged_config', u.u, c.name) AS cold, b.outcome('get_merged_config', u.u, c.name) AS again, b.outcome('compute_config', u.u, c.name) AS computed
    FROM b.cases c, unnest('{b1,c1}'::text[]) u (u);
SET max_stack_depth = '200kB';
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE computed = 'too deep') > 100 AS too_deep, count(*) FILTER (WHERE (cold, again) IS DISTINCT FROM (computed, computed)) AS wrong,
  min(name || ' for ' || u) FILTER (WHERE (cold, again) IS DISTINCT FROM (computed, computed)) AS such_as FROM b.outcomes;
RESET max_stack_depth;
SELECT cache_ext.invalidate_all();
SELECT count(*) FILTER (WHERE computed = 'too deep') AS too_deep, count(*) FILTER (WHERE (cold, again) IS DISTINCT FROM (computed, computed)) AS wrong FROM b.outcomes;
-- Where most of the stack is taken already, a little is too much.
CREATE FUNCTION b.nested(depth int, computed boolean, n text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF depth > 0 THEN
    RETURN b.nested(depth - 1, computed, n);
  ELSIF computed THEN
    RETURN cache_ext.compute_config('b1', n)::text;
  END IF;
  RETURN cache_ext.get_merged_config('b1', n)::text;
END
$$;
CREATE FUNCTION b.nested_outcome(depth int, computed boolean, n text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN b.nested(depth, computed, n);
EXCEPTION WHEN statement_too_complex THEN
  RETURN 'too deep';
END
$$;
INSERT INTO cache_ext.config_definitions SELECT 'nested' || i FROM generate_series(0, 150) i;
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT d.config_name, t.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types t WHERE d.config_name LIKE 'nested%';
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT f.* FROM cache_ext.config_definitions c, LATERAL (VALUES ('public', NULL, c.config_name, (repeat('{"a":', 60) || '1' || repeat('}', 60))::jsonb), ('domain', 'dale', c.config_name, (repeat('{"a":', 60) || '2' || repeat('}', 60))::jsonb), ('user', 'b1', c.config_name, '7')) f WHERE c.config_name LIKE 'nested%';
SELECT b.nested_outcome(1, computed, 'nested0') FROM unnest('{f,t}'::boolean[]) computed;
SELECT value AS base_fills FROM cache_ext.stats WHERE name = 'base_fills' \gset
SET max_stack_depth = '200kB';
SELECT count(*) FILTER (WHERE computed = 'too deep') > 0 AS too_deep, count(*) FILTER (WHERE computed = '7') > 0 AS not_too_deep, count(*) FILTER (WHERE computed IS DISTINCT FROM read) AS wrong
  FROM (SELECT b.nested_outcome(d, false, 'nested' || d) AS read, b.nested_outcome(d, true, 'nested' || d) AS computed FROM generate_series(0, 150) d OFFSET 0) o;
RESET max_stack_depth;
SELECT value > :base_fills AS bases FROM cache_ext.stats WHERE name = 'base_fills';
-- Nor do those matter that are too large for JSONB together.
INSERT INTO cache_ext.config_definitions VALUES ('huge');
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT 'huge', t.scope_type FROM cache_ext.scope_types t;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('public', NULL, 'huge', jsonb_build_object('p', repeat('x', 140000000))),
  ('domain', 'dale', 'huge', jsonb_build_object('d', repeat('x', 140000000))), ('user', 'b1', 'huge', '7');
SELECT b.outcome('get_merged_config', 'b1', 'huge') = md5('7') AS is_exact;
-- What is nested less deep has a base.
SELECT cache_ext.invalidate_all();
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  VALUES ('public', NULL, 'shared', jsonb_build_object('k', (repeat('{"a":', 50) || '1' || repeat('}', 50))::jsonb)), ('domain', 'hill', 'shared', '{"d": 1}');
SELECT is_exact, base FROM b.read('b4', 'shared');
DELETE FROM cache_ext.config_definitions WHERE config_name IN (SELECT name FROM b.cases) OR config_name LIKE 'nested%' OR config_name = 'huge';
-- Or the share of reads too large to be stored would be a problem to cache_ext.health.
SELECT cache_ext.reset_stats();
DELETE FROM cache_ext.scope_types WHERE scope_type = 'device';
DELETE FROM cache_ext.config_definitions WHERE config_name = 'shared';
DELETE FROM cache_ext.users WHERE domain_id IN ('hill', 'dale');
SET client_min_messages = warning;
DROP SCHEMA b CASCADE;
