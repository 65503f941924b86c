-- Keys at the edges of their types, and fragments that share one.
\pset null '(null)'
\set VERBOSITY default
CREATE SCHEMA k;
CREATE TABLE k.users (id bpchar(4) PRIMARY KEY, domain bpchar(4));
CREATE TABLE k.fragments (kind text, owner bpchar(4), name bpchar(4), doc jsonb, UNIQUE (owner, name, kind));
INSERT INTO k.users VALUES ('', 'd'), ('u', 'd'), ('v', NULL);
INSERT INTO k.fragments VALUES ('public', NULL, 'n', '{"public": 1}'), ('user', '', 'n', '{"blank": 1}'), ('user', 'u', 'n', '{"u": 1}'),
  ('user', '', '', '{"blank": 2}'), ('domain', 'd', 'n', '{"d": 1}');
SELECT cache_ext.attach_users('k.users', 'id', 'domain');
SELECT cache_ext.attach_fragments('k.fragments', 'kind', 'owner', 'name', 'doc');

-- Ids of blanks in a bpchar column are the empty string, and a user's all the same.
SELECT cache_ext.get_merged_config(' ', 'n'), cache_ext.get_merged_config_json('  ', 'n'), cache_ext.get_merged_config(' ', ' '),
  cache_ext.get_public_config('n'), cache_ext.get_merged_config('u', 'n'), cache_ext.get_merged_config('v', 'n');
SELECT kind, id, config_name FROM cache_ext.entries WHERE config_name IN ('n', '') AND valid ORDER BY config_name, kind, id;
SELECT * FROM cache_ext.verify();
SELECT kind, entry_id, entry_name, config FROM cache_ext.entries_of('', 'n') ORDER BY kind;
SELECT kind, entry_id, entry_name, config FROM cache_ext.entries_of('') ORDER BY kind, entry_name;
SELECT kind, id, config_name, entries FROM cache_ext.slices WHERE id = '' ORDER BY kind, config_name;
SELECT cache_ext.compute_config('', 'n'), cache_ext.read_state('', 'n'), cache_ext.compute_config('', '');
SELECT rank, scope_type, scope_id, read FROM cache_ext.explain_config('', 'n');
-- Who reads says it with blanks.
SELECT cache_ext.get_merged_config('', 'n');
UPDATE k.fragments SET doc = '{"blank": 3}' WHERE owner = '' AND name = 'n';
SELECT cache_ext.read_state('', 'n'), cache_ext.read_state('u', 'n');
SELECT cache_ext.detach('k.users');
SELECT cache_ext.detach('k.fragments');
DROP TABLE k.users, k.fragments;
-- Where blanks count, there is no empty id.
SELECT cache_ext.compute_config('', 'n');
SELECT cache_ext.read_state('u', '');
SELECT cache_ext.explain_config('', 'n');

-- The forms of an integer are one key.
CREATE TABLE k.users (id integer PRIMARY KEY, domain smallint);
CREATE TABLE k.fragments (kind text, owner bigint, name integer, doc jsonb, UNIQUE (owner, name, kind));
INSERT INTO k.users SELECT i, i FROM generate_series(-5, 5) i;
INSERT INTO k.fragments SELECT 'user', i, n, jsonb_build_object('owner', i, 'name', n, 'written', 1) FROM generate_series(-5, 5) i, generate_series(-1, 1) n;
SELECT cache_ext.attach_users('k.users', 'id', 'domain');
SELECT cache_ext.attach_fragments('k.fragments', 'kind', 'owner', 'name', 'doc');
CREATE TABLE k.forms AS SELECT u, n FROM unnest('{0,-0,+0,00,-00," 0","0 ",5,+5,05,-5,-05," -5"}'::text[]) u, unnest('{0,-0,1,+1,-1,-01}'::text[]) n;
CREATE FUNCTION k.read(written int) RETURNS TABLE (forms bigint, wrong bigint) LANGUAGE sql AS $$
  SELECT count(*), count(*) FILTER (WHERE cache_ext.get_merged_config(f.u, f.n) IS DISTINCT FROM jsonb_build_object('owner', f.u::int, 'name', f.n::int, 'written', written)) FROM k.forms f
$$;
SELECT * FROM k.read(1);
UPDATE k.fragments SET doc = doc || '{"written": 2}';
SELECT * FROM k.read(2);
SELECT cache_ext.get_merged_config('-', '0');
SELECT cache_ext.detach('k.users');
SELECT cache_ext.detach('k.fragments');
DROP TABLE k.users, k.fragments;

-- Fragments of one scope are merged in an order that is not the table's.
CREATE TABLE k.fragments (kind text, owner text, name text, doc jsonb);
CREATE INDEX ON k.fragments (name, owner);
SELECT cache_ext.attach_fragments('k.fragments', 'kind', 'owner', 'name', 'doc');
CREATE FUNCTION k.merges(docs jsonb[]) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. cardinality(docs) LOOP
    DELETE FROM k.fragments;
    INSERT INTO k.fragments SELECT 'user', 'u', 'n', d.doc FROM unnest(docs[i:] || docs[:i - 1]) WITH ORDINALITY d (doc, n) ORDER BY d.n;
    RETURN NEXT cache_ext.get_merged_config('u', 'n');
    DELETE FROM k.fragments;
    INSERT INTO k.fragments SELECT 'user', 'u', 'n', d.doc FROM unnest(docs[i:] || docs[:i - 1]) WITH ORDINALITY d (doc, n) ORDER BY d.n DESC;
    RETURN NEXT cache_ext.get_merged_config('u', 'n');
  END LOOP;
END
$$;
SELECT count(*), count(DISTINCT m) FROM k.merges(ARRAY['{"a": 1}', '{"a": 2}', '{"a": 3}', '{"a": 30000, "b": 1}', '{"a": {"c": 1}}', '[1]', '7']::jsonb[]) m;
SELECT count(*), count(DISTINCT m) FROM k.merges(ARRAY['"a"', '"b"', '"ab"', '"aa"']::jsonb[]) m;
SELECT cache_ext.detach('k.fragments');
-- Of definitions that share a name the first strategy counts, whatever their order.
CREATE FUNCTION k.strategies(strategies text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM cache_ext.config_definitions WHERE config_name = 'k';
  INSERT INTO cache_ext.config_definitions (config_name, merge_strategy) SELECT 'k', s.s FROM unnest(strategies) WITH ORDINALITY s (s, n) ORDER BY s.n;
  RETURN cache_ext.compute_config('u', 'k');
END
$$;
BEGIN;
INSERT INTO cache_ext.config_definitions (config_name) VALUES ('k');
SET LOCAL client_min_messages = warning;
ALTER TABLE cache_ext.config_definitions DROP CONSTRAINT config_definitions_pkey CASCADE;
INSERT INTO cache_ext.config_policies (config_name, scope_type) VALUES ('k', 'public'), ('k', 'user');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('public', NULL, 'k', '{"p": 1, "d": {"p": 1}}'), ('user', 'u', 'k', '{"d": {"u": 1}}');
SELECT k.strategies('{shallow,replace}'), k.strategies('{replace,shallow}'), k.strategies('{deep,replace}'), k.strategies('{replace,deep}');
ROLLBACK;
-- Scopes of one rank are merged in the order of their names, whatever the policy's.
CREATE TABLE k.rules (name text, kind text, rank int);
TRUNCATE k.fragments;
INSERT INTO k.fragments VALUES ('public', NULL, 'n', '{"who": "public", "p": 1}'), ('user', 'alice', 'n', '{"who": "user"}'), ('domain', 'acme', 'n', '{"who": "domain", "p": 2}');
CREATE INDEX ON k.rules (name);
SELECT cache_ext.attach_policies('k.rules', 'name', 'kind', 'rank');
SELECT cache_ext.attach_fragments('k.fragments', 'kind', 'owner', 'name', 'doc');
CREATE FUNCTION k.ranked(kinds text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  TRUNCATE k.rules;
  INSERT INTO k.rules SELECT 'n', r.kind, 7 FROM unnest(kinds) WITH ORDINALITY r (kind, n) ORDER BY r.n;
  RETURN cache_ext.compute_config('alice', 'n');
END
$$;
SELECT k.ranked('{user,public,domain}'), k.ranked('{public,domain,user}'), k.ranked('{domain,user,public}');
SELECT cache_ext.detach('k.rules');
SELECT cache_ext.detach('k.fragments');
SET client_min_messages = warning;
DROP SCHEMA k CASCADE;

-- A user id that is a uuid or an integer needs no cast, and is the same user as its text.
CREATE SCHEMA k;
INSERT INTO cache_ext.config_definitions VALUES ('k_typed');
INSERT INTO cache_ext.config_policies VALUES ('k_typed', 'user');
CREATE TABLE k.uuids AS SELECT md5(i::text)::uuid AS u FROM generate_series(1, 300) i
  UNION ALL VALUES (uuid '00000000-0000-0000-0000-000000000000'), ('ffffffff-ffff-ffff-ffff-ffffffffffff'), ('01234567-89AB-CDEF-0123-456789ABCDEF');
CREATE TABLE k.bigints AS SELECT (i * 1000003 ^ (abs(i) % 3))::bigint AS b FROM generate_series(-100, 100) i
  UNION ALL VALUES (-9223372036854775808), (9223372036854775807), (2147483648), (10), (-10), (99), (100);
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', x, 'k_typed', jsonb_build_object('id', x) FROM (SELECT u::text FROM k.uuids UNION SELECT b::text FROM k.bigints) ids (x);
SELECT count(*), count(*) FILTER (WHERE cache_ext.get_merged_config(u, 'k_typed') ->> 'id' IS DISTINCT FROM u::text
    OR cache_ext.get_merged_config_json(u, 'k_typed') ->> 'id' IS DISTINCT FROM u::text
    OR cache_ext.get_config_value(u, 'k_typed', 'id') IS DISTINCT FROM to_jsonb(u)
    OR cache_ext.get_merged_configs_json(u, '{k_typed}') -> 'k_typed' ->> 'id' IS DISTINCT FROM u::text
    OR (SELECT c.config ->> 'id' FROM cache_ext.get_merged_configs(u, '{k_typed}') c) IS DISTINCT FROM u::text) AS wrong FROM k.uuids;
SELECT count(*), count(*) FILTER (WHERE cache_ext.get_merged_config(b, 'k_typed') ->> 'id' IS DISTINCT FROM b::text
    OR cache_ext.get_merged_config_json(b, 'k_typed') ->> 'id' IS DISTINCT FROM b::text
    OR cache_ext.get_config_value(b, 'k_typed', 'id') IS DISTINCT FROM to_jsonb(b::text)
    OR cache_ext.get_merged_configs_json(b, '{k_typed}') -> 'k_typed' ->> 'id' IS DISTINCT FROM b::text
    OR (SELECT c.config ->> 'id' FROM cache_ext.get_merged_configs(b, '{k_typed}') c) IS DISTINCT FROM b::text) AS wrong FROM k.bigints;
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config(99, 'k_typed')$$);
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('99', 'k_typed')$$);
-- Smaller integers are integers, other strings are text.
SELECT cache_ext.get_merged_config(99::smallint, 'k_typed'), cache_ext.get_merged_config('99'::varchar, 'k_typed'), cache_ext.get_merged_config('99'::name, 'k_typed');
SELECT t.message($$SELECT cache_ext.get_merged_config(99.0, 'k_typed')$$);
-- What has no type is text.
CREATE VIEW k.untyped AS
  SELECT cache_ext.get_merged_config('99', 'k_typed') AS a, cache_ext.get_merged_config(NULL, 'k_typed') AS b, cache_ext.get_merged_config_json('99', 'k_typed', missing_ok => false) AS c,
    cache_ext.get_config_value('99', 'k_typed', 'id') AS d, cache_ext.get_config_value(NULL, 'k_typed', VARIADIC '{id}') AS e, cache_ext.get_merged_configs_json(NULL, NULL) AS f,
    cache_ext.get_merged_config(config_name => 'k_typed', user_id => '99') AS g, m.config AS h FROM cache_ext.get_merged_configs('99', '{k_typed}') m;
SELECT DISTINCT d.refobjid::regprocedure::text COLLATE "C" AS function FROM pg_depend d JOIN pg_rewrite r ON d.objid = r.oid
 WHERE r.ev_class = 'k.untyped'::regclass AND d.refclassid = 'pg_proc'::regclass ORDER BY 1;
PREPARE typed AS SELECT cache_ext.get_merged_config($1, $2), cache_ext.get_merged_config_json($3, $4, $5), cache_ext.get_config_value($6, $7, $8), cache_ext.get_merged_configs_json($9, $10), cache_ext.get_merged_configs($11, $12);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'typed';
DEALLOCATE typed;
PREPARE typed (int, uuid) AS SELECT cache_ext.get_merged_config($1, 'k_typed'), cache_ext.get_merged_config($2, 'k_typed');
EXECUTE typed (99, '01234567-89AB-CDEF-0123-456789ABCDEF');
DEALLOCATE typed;
-- Null and missing, by the same rules.
SELECT cache_ext.get_merged_config(NULL::uuid, 'k_typed'), cache_ext.get_merged_configs_json(NULL::bigint, '{k_typed}');
SELECT * FROM cache_ext.get_merged_configs(NULL::uuid, '{k_typed}');
SELECT cache_ext.get_merged_config(77, 'k_typed', false);
SELECT cache_ext.get_merged_config('01234567-0000-0000-0000-456789ABCDEF'::uuid, 'k_typed', false);
SELECT cache_ext.get_merged_config(NULL::bigint, 'k_typed', false);
-- Columns of these types.
CREATE TABLE k.users (id smallint PRIMARY KEY, domain smallint);
CREATE TABLE k.fragments (kind text, owner smallint, name text, doc jsonb, UNIQUE (owner, name, kind));
INSERT INTO k.fragments VALUES ('user', -7, 'n', '-7');
SELECT cache_ext.attach_users('k.users', 'id', 'domain'), cache_ext.attach_fragments('k.fragments', 'kind', 'owner', 'name', 'doc');
SELECT cache_ext.get_merged_config(-7, 'n'), cache_ext.get_merged_config(-7::bigint, 'n');
SELECT cache_ext.get_merged_config(70000, 'n');
SELECT cache_ext.get_merged_config('fedcba98-89AB-CDEF-0123-456789ABCDEF'::uuid, 'n');
SELECT cache_ext.detach('k.users'), cache_ext.detach('k.fragments');
DELETE FROM cache_ext.config_definitions WHERE config_name = 'k_typed';
DROP SCHEMA k CASCADE;
