-- The functions that read, their arguments and their errors.
\set VERBOSITY default
SELECT cache_ext.get_merged_config('alice', 'theme');
SELECT cache_ext.get_merged_config('alice', 'theme', false);
SELECT cache_ext.get_merged_config(user_id => 'alice', config_name => 'unknown', missing_ok => true);
DO $$ BEGIN PERFORM cache_ext.get_merged_config('alice', 'unknown', false); EXCEPTION WHEN no_data_found THEN RAISE NOTICE '%: %', SQLSTATE, SQLERRM; END $$;
SELECT cache_ext.get_merged_config('alice', 'unknown', false);
SELECT cache_ext.get_merged_config_json('alice', 'unknown', false);

-- Null in, null out.
SELECT cache_ext.get_merged_config(NULL, 'theme'), cache_ext.get_merged_config('alice', NULL), cache_ext.get_public_config(NULL);
SELECT cache_ext.get_merged_config(NULL, 'theme', false);
SELECT cache_ext.get_merged_config('alice', 'theme', NULL);

-- Empty and overlong.
SELECT cache_ext.get_merged_config('', 'theme');
SELECT cache_ext.get_merged_config('alice', '');
SELECT cache_ext.get_public_config('');
SELECT cache_ext.get_merged_config(repeat('x', 513), 'theme');
SELECT cache_ext.get_merged_config('alice', repeat('x', 513));
SELECT cache_ext.get_merged_config(repeat('x', 512), 'theme') IS NOT NULL AS longest, cache_ext.get_merged_config('alice', repeat('x', 512)) IS NULL AS longest_absent;
SELECT cache_ext.get_merged_config(repeat('x', 512), 'theme') = cache_ext.get_merged_config(repeat('x', 512), 'theme') AS longest_hit;

-- json is the same document as text, cached on its own.
SELECT cache_ext.get_merged_config_json('alice', 'theme');
SELECT * FROM t.count($$SELECT cache_ext.get_merged_config_json('alice', 'theme')$$);
SELECT pg_typeof(cache_ext.get_merged_config_json('alice', 'theme'));

-- Before login.
SELECT cache_ext.get_public_config('theme');
SELECT * FROM t.count($$SELECT cache_ext.get_public_config('theme')$$);
SELECT cache_ext.get_public_config('theme') = reference.merge(NULL, 'theme') AS is_exact;
-- A user called as the empty string could not be: the public entry is its own.
SELECT cache_ext.get_public_config('unknown');

-- Several names, in order, repeated, absent, null.
SELECT * FROM cache_ext.get_merged_configs('alice', ARRAY['menu', 'theme', 'nope', 'menu', NULL]);
SELECT * FROM cache_ext.get_merged_configs('alice', '{}');
SELECT * FROM cache_ext.get_merged_configs('alice', NULL);
SELECT * FROM cache_ext.get_merged_configs(NULL, '{theme}');
SELECT * FROM cache_ext.get_merged_configs('alice', '{{a,b},{c,d}}');
SELECT * FROM cache_ext.get_merged_configs('alice', ARRAY['theme', '']);

-- A value at a path: what the operator #> gives, from a hit and from a miss.
INSERT INTO cache_ext.config_definitions VALUES ('paths');
INSERT INTO cache_ext.config_policies VALUES ('paths', 'public');
INSERT INTO cache_ext.config_fragments (scope_type, config_name, config)
  SELECT 'public', 'paths', jsonb_build_object('a', '[10, "x", null, {"b": [true, false, 1.25e10]}]'::jsonb, 'o', '{"": 0, "k": {}}'::jsonb, 's', 'str',
         'n', -12345678901234567890.5, 'z', NULL, 'many', (SELECT jsonb_agg(i) FROM generate_series(1, 100) i),
         'wide', (SELECT jsonb_object_agg(repeat('k', i % 5) || i, i || 'v') FROM generate_series(1, 200) i));
CREATE TABLE t.paths (path text[]);
INSERT INTO t.paths VALUES ('{}'), ('{a}'), ('{a,0}'), ('{a,1}'), ('{a,2}'), ('{a,3}'), ('{a,4}'), ('{a,-1}'), ('{a,-4}'), ('{a,-5}'),
  ('{a,3,b}'), ('{a,3,b,0}'), ('{a,3,b,2}'), ('{a,3,b,2,x}'), ('{a,x}'), ('{a,""}'), ('{a," 1"}'), ('{a,1x}'), ('{a,99999999999999999999}'),
  ('{o}'), ('{o,""}'), ('{o,k}'), ('{s}'), ('{s,0}'), ('{n}'), ('{z}'), ('{missing}'), ('{many,31}'), ('{many,32}'), ('{many,33}'), ('{many,-1}'),
  ('{wide,k1}'), ('{wide,kkkk199}'), ('{wide,200}'), ('{wide,k2}'), ('{wide}');
SELECT count(*) FILTER (WHERE v IS NOT NULL) AS found, count(*) FILTER (WHERE v IS NULL) AS not_found,
       bool_and(v IS NOT DISTINCT FROM reference.merge('alice', 'paths') #> path
                AND v::text IS NOT DISTINCT FROM (reference.merge('alice', 'paths') #> path)::text) AS is_exact
  FROM t.paths, cache_ext.get_config_value('alice', 'paths', VARIADIC path) v;
SELECT path FROM t.paths, cache_ext.get_config_value('alice', 'paths', VARIADIC path) v
 WHERE v IS DISTINCT FROM reference.merge('alice', 'paths') #> path;
-- An index of an array is what #> takes for one: blanks, signs, any number of digits.
CREATE TABLE t.indexes AS
  SELECT DISTINCT blank || sign || zeros || digits || rest AS i
    FROM unnest(ARRAY['', ' ', E' \t\n\x0b\f\r', 'x', repeat(' ', 100)]) blank, unnest('{"",+,-,--,"- "}'::text[]) sign,
         unnest(ARRAY['', '0', repeat('0', 30), repeat('0', 31), repeat('0', 32), repeat('0', 1000)]) zeros,
         unnest('{"",1,31,99,100,101,2147483547,2147483647,2147483648,4294967295,4294967297,9223372036854775807,9223372036854775809,18446744073709551617,0x1,1e0,1.0}'::text[]) digits,
         unnest('{""," ",x}'::text[]) rest;
SELECT count(*) AS indexes, count(v) AS found, count(*) FILTER (WHERE v IS DISTINCT FROM c #> ARRAY['many', i]) AS wrong,
       count(v) FILTER (WHERE length(i) >= 32) AS long_found
  FROM t.indexes, cache_ext.get_merged_config('alice', 'paths') c, cache_ext.get_config_value('alice', 'paths', 'many', i) v;
DROP TABLE t.indexes;
-- The same, each computed anew.
SET cache_ext.enabled = off;
SELECT bool_and(v IS NOT DISTINCT FROM reference.merge('alice', 'paths') #> path) AS is_exact
  FROM t.paths, cache_ext.get_config_value('alice', 'paths', VARIADIC path) v;
RESET cache_ext.enabled;
-- A root that is a scalar or an array.
SELECT cache_ext.get_config_value('alice', 'menu', '0'), cache_ext.get_config_value('alice', 'menu', 'x'), cache_ext.get_config_value('alice', 'menu', VARIADIC '{}');
SELECT * FROM t.count($$SELECT cache_ext.get_config_value('alice', 'paths', 'a', '3', 'b')$$);
SELECT cache_ext.get_config_value('alice', 'unknown', 'x'), cache_ext.get_config_value(NULL, 'paths', 'a'), cache_ext.get_config_value('alice', 'paths', VARIADIC NULL);
SELECT cache_ext.get_config_value('alice', 'paths', 'a', NULL);
SELECT cache_ext.get_config_value('alice', 'paths', VARIADIC '{{a},{b}}');
DELETE FROM cache_ext.config_definitions WHERE config_name = 'paths';
DROP TABLE t.paths;

-- Compressed and out-of-line arguments.
CREATE TABLE t.args (u text, n text);
INSERT INTO t.args VALUES (repeat('x', 512), repeat('y', 512));
ALTER TABLE t.args ALTER u SET STORAGE extended;
SELECT cache_ext.get_merged_config(u, n) FROM t.args;
DROP TABLE t.args;

-- A trigger function is one.
SELECT cache_ext.source_row();

-- Two users of one domain see the domain's fragment and their own only.
SELECT cache_ext.get_merged_config('alice', 'theme') ->> 'color' AS alice, cache_ext.get_merged_config('bob', 'theme') ->> 'color' AS bob;

-- Used as the filter of a table, in parallel or not.
CREATE TABLE t.readers AS SELECT 'user' || i AS u FROM generate_series(1, 2000) i;
ALTER TABLE t.readers SET (parallel_workers = 2);
ANALYZE t.readers;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT count(*) FROM t.readers WHERE cache_ext.get_merged_config(u, 'theme') ->> 'color' = 'blue';
SELECT count(*) FROM t.readers WHERE cache_ext.get_merged_config(u, 'theme') ->> 'color' = 'blue';
SELECT counted FROM t.count($$SELECT count(*) FROM t.readers WHERE cache_ext.get_merged_config(u, 'theme') ->> 'color' = 'blue'$$);
-- Workers of a transaction that has an id read through; the leader has not written a source.
BEGIN;
SELECT txid_current() IS NOT NULL AS has_id;
SET LOCAL parallel_leader_participation = off;
SELECT counted FROM t.count($$SELECT count(*) FROM t.readers WHERE cache_ext.get_merged_config(u, 'theme') ->> 'color' = 'blue'$$);
COMMIT;
DROP TABLE t.readers;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- Several names as one object, rendered: each once, in the order of the names.
SELECT cache_ext.get_merged_configs_json('alice', '{theme,unknown,menu,theme}');
SELECT cache_ext.get_merged_configs_json('alice', '{theme,unknown,menu}')::jsonb =
  (SELECT jsonb_object_agg(c.config_name, c.config) FROM cache_ext.get_merged_configs('alice', '{theme,unknown,menu}') c) AS same;
SELECT * FROM t.count($$SELECT cache_ext.get_merged_configs_json('alice', '{theme,menu}')$$);
SELECT cache_ext.get_merged_configs_json('alice', ARRAY['say "hello"', E'back\\slash']);
SELECT cache_ext.get_merged_configs_json('alice', '{}'), cache_ext.get_merged_configs_json(NULL, '{theme}') IS NULL AS no_user, cache_ext.get_merged_configs_json('alice', NULL) IS NULL AS no_names;
-- However many are asked for, what is not there takes no room.
INSERT INTO cache_ext.config_definitions (config_name) VALUES ('large');
INSERT INTO cache_ext.config_policies (config_name, scope_type) VALUES ('large', 'public');
INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) VALUES ('public', 'large', to_jsonb(repeat('x', 500000)));
SELECT length(cache_ext.get_merged_configs_json('alice', array_fill('large'::text, ARRAY[5000]))::text);
DELETE FROM cache_ext.config_definitions WHERE config_name = 'large';
SELECT cache_ext.get_merged_configs_json('alice', '{theme,NULL}');
SELECT cache_ext.get_merged_configs_json('alice', '{theme,""}');
SELECT cache_ext.get_merged_configs_json('alice', '{{theme},{menu}}');
SELECT cache_ext.get_merged_configs_json('', '{theme}');

-- Several names before login: by the same rules, for nobody.
SELECT * FROM cache_ext.get_public_configs(ARRAY['menu', 'theme', 'nope', 'menu', NULL]);
SELECT cache_ext.get_public_configs_json('{theme,unknown,menu,theme}');
SELECT cache_ext.get_public_configs_json('{theme,unknown,menu}')::jsonb =
  (SELECT jsonb_object_agg(c.config_name, c.config) FROM cache_ext.get_public_configs('{theme,unknown,menu}') c) AS same,
  (SELECT bool_and(c.config IS NOT DISTINCT FROM reference.merge(NULL, c.config_name)) FROM cache_ext.get_public_configs('{theme,unknown,menu}') c) AS is_exact;
SELECT * FROM t.count($$SELECT count(config) FROM cache_ext.get_public_configs('{theme,menu}')$$);
SELECT * FROM t.count($$SELECT cache_ext.get_public_configs_json('{theme,menu}')$$);
-- Text is cached on its own, and shown as what it says.
SELECT kind, entry_id, config = cache_ext.get_public_config('theme') AS is_exact FROM cache_ext.entries_of(NULL, 'theme') WHERE kind LIKE 'public%' ORDER BY kind;
SELECT count(*) FROM cache_ext.verify();
UPDATE cache_ext.config_fragments SET config = config || '{"before login": true}' WHERE config_name = 'theme' AND scope_type = 'public';
SELECT cache_ext.get_public_configs_json('{theme}');
SELECT c.config FROM cache_ext.get_public_configs('{theme}') c;
UPDATE cache_ext.config_fragments SET config = config - 'before login' WHERE config_name = 'theme' AND scope_type = 'public';
SELECT count(*) FROM cache_ext.get_public_configs('{}');
SELECT count(*) FROM cache_ext.get_public_configs(NULL);
SELECT cache_ext.get_public_configs_json('{}'), cache_ext.get_public_configs_json(NULL) IS NULL AS no_names;
SELECT * FROM cache_ext.get_public_configs('{{a,b},{c,d}}');
SELECT * FROM cache_ext.get_public_configs(ARRAY['theme', '']);
SELECT cache_ext.get_public_configs_json('{theme,NULL}');
SELECT cache_ext.get_public_configs_json('{theme,""}');
SELECT cache_ext.get_public_configs_json('{{theme},{menu}}');
-- A piece of nothing, computed and cached.
SELECT cache_ext.get_config_value('alice', 'nothing at all', 'a');
SELECT cache_ext.get_config_value('alice', 'nothing at all', 'a');
