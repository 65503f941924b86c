-- Attaching: what is refused and why, what is said, types of keys, who may.
\set VERBOSITY default
CREATE SCHEMA a;
CREATE TABLE a.f (scope_type text, scope_id text, config_name text, config jsonb, other int);
CREATE VIEW a.v AS SELECT * FROM a.f;
CREATE MATERIALIZED VIEW a.m AS SELECT * FROM a.f;
CREATE EXTENSION postgres_fdw;
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE a.ft (scope_type text, scope_id text, config_name text, config jsonb) SERVER s;
CREATE TEMP TABLE tt (LIKE a.f);
CREATE TABLE a.parent (LIKE a.f);
CREATE TABLE a.child () INHERITS (a.parent);
CREATE TABLE a.root (LIKE a.f) PARTITION BY LIST (scope_type);
CREATE TABLE a.part PARTITION OF a.root DEFAULT;
CREATE TABLE a.forced (LIKE a.f);
ALTER TABLE a.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE EXTENSION citext;
CREATE COLLATION a.insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE a.types (scope_type text, scope_id citext, i text COLLATE a.insensitive, n numeric, d float8, t timestamptz, config_name text, config text);

-- Refused.
SELECT cache_ext.attach_fragments('a.v');
SELECT cache_ext.attach_fragments('a.m');
SELECT cache_ext.attach_fragments('a.ft');
SELECT regexp_replace(t.message($$SELECT cache_ext.attach_fragments('tt')$$), 'pg_temp_\d+', 'pg_temp');
SELECT cache_ext.attach_fragments('a.parent');
SELECT cache_ext.attach_fragments('a.part');
SELECT cache_ext.attach_fragments('a.forced');
SELECT cache_ext.attach_fragments('a.types', config => 'config');
SELECT cache_ext.attach_fragments('a.types', scope_id => 'i');
SELECT cache_ext.attach_fragments('a.types', scope_id => 'n');
SELECT cache_ext.attach_fragments('a.types', scope_id => 'd');
SELECT cache_ext.attach_fragments('a.types', scope_id => 't');
SELECT cache_ext.attach_fragments('a.types', scope_id => 'config_name');
SELECT cache_ext.attach_fragments('a.f', scope_id => 'nothing');
SELECT cache_ext.attach_fragments('a.f', scope_id => 'ctid');
SELECT cache_ext.attach_fragments('a.f', scope_id => NULL);
SELECT cache_ext.attach_fragments(NULL);
SELECT cache_ext.attach_fragments('a.nothing');
SELECT cache_ext.attach_fragments('cache_ext.config_fragments');
SELECT cache_ext.attach_fragments('pg_catalog.pg_class', scope_type => 'relname', scope_id => 'relname', config_name => 'relname', config => 'relname');
SELECT cache_ext.attach_policies('a.f');
SELECT cache_ext.attach_policies('a.f', scope_type => 'scope_type', scope_sources => 'scope_id');
SELECT cache_ext.attach_policies('a.f', rank => 'other', scope_sources => 'scope_id');
SELECT cache_ext.attach_policies('a.f', scope_sources => 'scope_id');
SELECT cache_ext.attach_policies('a.f', scope_type => 'scope_type', rank => 'config_name');
SELECT cache_ext.attach_users('a.f', user_id => 'scope_id', domain_id => NULL);
SELECT cache_ext.attach_users('a.f', user_id => 'scope_id', domain_id => 'scope_type', domains => 'a.f', domain_key => 'config_name', domain_value => 'scope_id');
-- With these codes.
SELECT split_part(t.message(format('SELECT cache_ext.attach_%s', call)), ':', 1) AS sqlstate, call FROM unnest(ARRAY[
  $$fragments('a.v')$$, $$fragments('a.m')$$, $$fragments('a.ft')$$, $$fragments('tt')$$, $$fragments('a.parent')$$, $$fragments('a.part')$$,
  $$fragments('a.forced')$$, $$fragments('a.types')$$, $$fragments('a.types', scope_id => 'i')$$, $$fragments('a.types', scope_id => 'n')$$,
  $$fragments('a.types', scope_id => 'config_name')$$, $$fragments('a.f', scope_id => 'nothing')$$, $$fragments('a.f', scope_id => NULL)$$,
  $$fragments('cache_ext.config_fragments')$$, $$policies('a.f')$$, $$policies('a.f', scope_sources => 'scope_id')$$, $$policies('a.f', scope_type => 'scope_type', rank => 'config_name')$$]) AS call;
SELECT count(*) AS attached FROM cache_ext.attached;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgname LIKE 'cache\_ext%' AND tgrelid::regclass::text LIKE 'a.%';

-- A table plays one part.
CREATE UNIQUE INDEX ON a.f (config_name, scope_type, scope_id);
SELECT cache_ext.attach_fragments('a.f');
SELECT cache_ext.attach_policies('a.f', scope_type => 'scope_type');
-- Nothing is done twice.
SELECT xmin AS before FROM cache_ext.attached \gset
SELECT cache_ext.attach_fragments('a.f');
SELECT xmin = :before AS untouched FROM cache_ext.attached;
-- Other columns: a change like any other, undone by a rollback.
ALTER TABLE a.f ADD COLUMN second jsonb;
INSERT INTO a.f VALUES ('public', NULL, 'x', '{"first": 1}', 0, '{"second": 2}');
SELECT cache_ext.get_merged_config('u', 'x');
BEGIN;
SELECT cache_ext.attach_fragments('a.f', config => 'second');
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'x')$$);
ROLLBACK;
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'x')$$);
BEGIN;
SAVEPOINT s;
SELECT cache_ext.detach('a.f');
SELECT cache_ext.get_merged_config('u', 'x');
ROLLBACK TO s;
SELECT cache_ext.get_merged_config('u', 'x');
COMMIT;
SELECT cache_ext.attach_fragments('a.f', config => 'second');
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'x')$$);
-- An old snapshot keeps what it saw attached.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache_ext.get_merged_config('u', 'x');
SELECT t.elsewhere($$DO 'BEGIN PERFORM cache_ext.attach_fragments(''a.f'', config => ''config''); END'$$);
SELECT cache_ext.get_merged_config('u', 'x');
COMMIT;
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'x')$$);
-- Who writes the mapping by hand has to write it right.
BEGIN;
UPDATE cache_ext.attached SET columns = '{a.f.scope_type}';
SELECT reason FROM cache_ext.sources WHERE suspended;
SELECT t.message($$SELECT cache_ext.get_merged_config('u', 'x')$$);
UPDATE cache_ext.attached SET columns = '{a.parent.scope_type,a.parent.scope_id,a.parent.config_name,a.parent.config}';
SELECT t.message($$SELECT cache_ext.get_merged_config('u', 'x')$$);
ROLLBACK;
SELECT '-'::cache_ext.regcolumn, '1.2'::cache_ext.regcolumn, 'a.f.config'::cache_ext.regcolumn;
SELECT 'config'::cache_ext.regcolumn;
SELECT 'a.f.nothing'::cache_ext.regcolumn;
SELECT cache_ext.detach('a.f');

-- Indexes that a miss needs.
CREATE TABLE a.g (kind text, "Owner" text, name text, doc json);
SELECT cache_ext.attach_fragments('a.g', 'kind', 'Owner', 'name', 'doc');
CREATE INDEX ON a.g (name);
SELECT cache_ext.attach_fragments('a.g', 'kind', 'Owner', 'name', 'doc');
CREATE INDEX ON a.g (name, "Owner") WHERE kind = 'x';
SELECT cache_ext.attach_fragments('a.g', 'kind', 'Owner', 'name', 'doc');
CREATE INDEX ON a.g (name, "Owner");
SELECT cache_ext.attach_fragments('a.g', 'kind', 'Owner', 'name', 'doc');
-- One scan of it a scope, from the first read on.
INSERT INTO a.g SELECT k, k || i, 'n', '{}' FROM unnest('{domain,domain_user_defaults,user}'::text[]) k, generate_series(1, 50) i;
INSERT INTO cache_ext.users VALUES ('user2', 'domain2');
SELECT * FROM t.scans($$SELECT cache_ext.get_merged_config('user1', 'n')$$, 'a');
SELECT * FROM t.scans($$SELECT cache_ext.get_merged_config('user2', 'n')$$, 'a');
SELECT * FROM t.scans($$SELECT cache_ext.get_merged_config('user2', 'n')$$, 'a');
SELECT * FROM t.scans($$SELECT cache_ext.get_public_config('n')$$, 'a');
DELETE FROM cache_ext.users WHERE user_id = 'user2';
TRUNCATE a.g;
-- Documents may be json.
INSERT INTO a.g VALUES ('public', NULL, 'n', '{"b": 1, "a": 2}'), ('user', 'u', 'n', '{"c": 4}'), ('user', 'u', 'n', '{"c": 3}'), ('user', 'u', 'n', NULL),
  ('domain', 'd1', 'n', '{"d": 1}'), ('domain', 'd2', 'n', '{"d": 2}');
SELECT cache_ext.get_merged_config('u', 'n') FROM generate_series(1, 2);
-- Without a unique index the lowest domain counts.
CREATE TABLE a.members (id text, domain text);
INSERT INTO a.members VALUES ('u', 'd2'), ('u', NULL), ('u', 'd1');
SELECT cache_ext.attach_users('a.members', 'id', 'domain');
SELECT cache_ext.get_merged_config('u', 'n');
DELETE FROM a.members WHERE domain = 'd1';
SELECT cache_ext.get_merged_config('u', 'n');
SELECT cache_ext.detach('a.members');
SELECT cache_ext.detach('a.g');

-- One canonical form for reader and trigger, for each type of key.
CREATE TYPE a.letters AS ENUM ('a', 'B b', 'Ã');
CREATE DOMAIN a.code AS char(6) CHECK (VALUE <> 'never');
CREATE FUNCTION a.try(type text, ids text[]) RETURNS TABLE (id text, config jsonb, counted text) LANGUAGE plpgsql AS $$
DECLARE
  i text;
BEGIN
  EXECUTE format('CREATE TABLE a.keys (kind %1$s, owner %1$s, name %1$s, doc jsonb); CREATE INDEX ON a.keys (owner, name)', type);
  EXECUTE 'INSERT INTO a.keys SELECT $1[1]::' || type || ', x::' || type || ', $1[1]::' || type || ', jsonb_build_object(''is'', x) FROM unnest($1) x' USING ids;
  DELETE FROM cache_ext.scope_types WHERE default_rank = 77;
  EXECUTE 'INSERT INTO cache_ext.scope_types SELECT DISTINCT rtrim(kind::text), ''user'', 77 FROM a.keys ON CONFLICT DO NOTHING';
  PERFORM cache_ext.attach_fragments('a.keys', 'kind', 'owner', 'name', 'doc');
END
$$;
CREATE PROCEDURE a.check(type text, ids text[]) LANGUAGE plpgsql AS $$
DECLARE
  i text;
  c record;
BEGIN
  PERFORM a.try(type, ids);
  COMMIT;
  FOREACH i IN ARRAY ids || ids LOOP
    SELECT * INTO c FROM t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', i, ids[1]));
    RAISE INFO '% "%": % %', type, i, c.result, c.counted;
  END LOOP;
  COMMIT;
  EXECUTE 'UPDATE a.keys SET doc = doc || ''{"new": 1}'' WHERE owner = $1[1]::' || type USING ids;
  COMMIT;
  FOREACH i IN ARRAY ids LOOP
    SELECT * INTO c FROM t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', i, ids[1]));
    RAISE INFO '% "%": % %', type, i, c.result, c.counted;
  END LOOP;
  PERFORM cache_ext.detach('a.keys');
  DROP TABLE a.keys;
  COMMIT;
END
$$;
\set VERBOSITY terse
SET client_min_messages = info;
CALL a.check('text', '{a,A,"a ",ä}');
CALL a.check('varchar(5)', '{a,"a "}');
CALL a.check('bpchar(5)', '{a,b}');
CALL a.check('a.code', '{a,b}');
CALL a.check('name', '{a,b}');
CALL a.check('uuid', '{00000000-0000-0000-0000-00000000000A,00000000-0000-0000-0000-00000000000b}');
CALL a.check('smallint', '{1,-32768}');
CALL a.check('integer', '{0,-2147483648}');
CALL a.check('bigint', '{7,-9223372036854775808}');
CALL a.check('a.letters', '{a,"B b",Ã}');
-- Forms of one key; what is none; what is too long.
CREATE TABLE a.keys (kind bpchar(6), owner bpchar(6), name bpchar(6), doc jsonb);
CREATE INDEX ON a.keys (owner, name);
INSERT INTO a.keys VALUES ('user', 'u', 'n', '{"u": 1}');
SELECT cache_ext.attach_fragments('a.keys', 'kind', 'owner', 'name', 'doc');
SELECT u, n, c.* FROM (VALUES ('u', 'n'), ('u  ', 'n '), ('u', 'n          '), ('U', 'n')) AS v(u, n), t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', u, n)) c;
SELECT cache_ext.get_merged_config('   ', 'n');
SELECT cache_ext.detach('a.keys');
DROP TABLE a.keys;
-- Ids of one type, looked for in a column of another, by their canonical text.
CREATE TABLE a.u (id uuid PRIMARY KEY, domain int);
CREATE TABLE a.keys (kind text, owner varchar(60), name text, doc jsonb);
CREATE INDEX ON a.keys (owner, name);
INSERT INTO a.u VALUES ('00000000-0000-0000-0000-00000000000A', 7);
INSERT INTO a.keys VALUES ('user', '00000000-0000-0000-0000-00000000000a', 'n', '{"u": "low"}'), ('user', '00000000-0000-0000-0000-00000000000A', 'n', '{"u": "up"}'),
  ('domain', '7', 'n', '{"d": 7}'), ('domain', '07', 'n', '{"d": 8}');
SELECT cache_ext.attach_users('a.u', user_id => 'id', domain_id => 'domain');
SELECT cache_ext.attach_fragments('a.keys', 'kind', 'owner', 'name', 'doc');
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('00000000-0000-0000-0000-00000000000A', 'n')$$);
SELECT t.elsewhere($$UPDATE a.keys SET doc = '{"d": 9}' WHERE owner = '7'$$);
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('00000000-0000-0000-0000-00000000000a', 'n')$$);
SELECT cache_ext.detach('a.u');
SELECT cache_ext.detach('a.keys');
-- Ids that can be none of the column's.
CREATE TABLE a.ints (kind text, owner smallint, name text, doc jsonb);
CREATE INDEX ON a.ints (owner, name);
INSERT INTO a.ints VALUES ('public', NULL, 'n', '{"p": 1}'), ('domain', 7, 'n', '{"d": 7}');
SELECT cache_ext.attach_users('a.u', user_id => 'id', domain_id => 'domain');
SELECT cache_ext.attach_fragments('a.ints', 'kind', 'owner', 'name', 'doc');
SELECT cache_ext.get_merged_config('00000000-0000-0000-0000-00000000000a', 'n');
UPDATE a.u SET domain = 70000;
SELECT cache_ext.get_merged_config('00000000-0000-0000-0000-00000000000a', 'n');
SELECT cache_ext.detach('a.u');
SELECT cache_ext.detach('a.ints');
DELETE FROM cache_ext.scope_types WHERE default_rank = 77;

-- Who may: the owner of the table, granted the function.
CREATE ROLE regress_cache_ext_owner;
CREATE ROLE regress_cache_ext_other;
GRANT USAGE ON SCHEMA cache_ext, a TO regress_cache_ext_owner, regress_cache_ext_other;
GRANT CREATE ON SCHEMA a TO regress_cache_ext_owner;
GRANT EXECUTE ON FUNCTION cache_ext.attach_fragments, cache_ext.detach, cache_ext.get_merged_config(text, text, boolean) TO regress_cache_ext_owner, regress_cache_ext_other;
SET ROLE regress_cache_ext_owner;
CREATE TABLE a.owned (scope_type text, scope_id text, config_name text, config jsonb, UNIQUE (scope_id, config_name, scope_type));
SET ROLE regress_cache_ext_other;
SELECT cache_ext.attach_fragments('a.owned');
SELECT cache_ext.detach('a.owned');
SET ROLE regress_cache_ext_owner;
SELECT cache_ext.attach_fragments('a.owned');
INSERT INTO a.owned VALUES ('public', NULL, 'n', '{"secret": 1}');
SELECT current_user;
-- A reader needs neither the table nor its schema.
RESET ROLE;
REVOKE USAGE ON SCHEMA a FROM regress_cache_ext_other;
SET ROLE regress_cache_ext_other;
SELECT * FROM a.owned;
SELECT cache_ext.get_merged_config('u', 'n') FROM generate_series(1, 2);
RESET ROLE;
-- The fill runs as the owner, with the owner's rights and no more.
SELECT cache_ext.detach('a.owned');
CREATE FUNCTION a.who(jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  RAISE INFO 'run as %', current_user;
  RETURN $1;
END
$$;
SET ROLE regress_cache_ext_owner;
CREATE POLICY p ON a.owned USING (a.who(config) IS NOT NULL);
ALTER TABLE a.owned ENABLE ROW LEVEL SECURITY;
RESET ROLE;
SELECT cache_ext.attach_fragments('a.owned');
SELECT cache_ext.get_merged_config('u', 'n');
SELECT cache_ext.get_merged_config('u', 'n');
ALTER TABLE a.owned FORCE ROW LEVEL SECURITY;
SELECT reason, hint FROM cache_ext.sources WHERE suspended;
SELECT cache_ext.get_merged_config('u', 'n');
ALTER TABLE a.owned NO FORCE ROW LEVEL SECURITY;
SELECT cache_ext.get_merged_config('u', 'n');
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'n')$$);
ALTER TABLE a.owned OWNER TO regress_cache_ext_other;
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'n')$$);
GRANT USAGE ON SCHEMA a TO regress_cache_ext_other;
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'n')$$);
-- An owner without rights fails the read, as it would fail theirs.
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config('u', 'n')$$);
REVOKE ALL ON a.owned FROM regress_cache_ext_other;
SELECT cache_ext.get_merged_config('u', 'n');
GRANT SELECT ON a.owned TO regress_cache_ext_other;
SELECT cache_ext.get_merged_config('u', 'other');

-- Dropped: reads say so; it is detached by its number, or makes way.
SELECT 'a.owned'::regclass::oid AS number \gset
DROP TABLE a.owned;
GRANT USAGE ON SCHEMA t TO regress_cache_ext_other;
SET ROLE regress_cache_ext_other;
SELECT replace(t.message($$SELECT cache_ext.get_merged_config('u', 'n')$$), :'number', 'N');
SELECT replace(t.message(format($$SELECT cache_ext.detach('%s')$$, :number)), :'number', 'N');
RESET ROLE;
SELECT reason, hint FROM cache_ext.sources WHERE suspended;
SELECT cache_ext.detach(:'number');
SELECT cache_ext.attach_fragments('a.f');
DROP TABLE a.f CASCADE;
CREATE TABLE a.f (scope_type text, scope_id text, config_name text, config jsonb, UNIQUE (scope_id, config_name, scope_type));
SELECT cache_ext.attach_fragments('a.f');
SELECT suspended FROM cache_ext.sources WHERE part = 'fragments';
SELECT cache_ext.detach('a.f');
SET client_min_messages = warning;
DROP EXTENSION postgres_fdw CASCADE;
DROP EXTENSION citext CASCADE;
DROP SCHEMA a CASCADE;
DROP OWNED BY regress_cache_ext_owner, regress_cache_ext_other;
DROP ROLE regress_cache_ext_owner, regress_cache_ext_other;
