-- Nothing is granted to PUBLIC; what is granted works without more.
\set VERBOSITY terse
CREATE ROLE regress_cache_ext_app;
CREATE ROLE regress_cache_ext_monitor;
GRANT pg_monitor TO regress_cache_ext_monitor;
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'cache_ext'::regnamespace AND has_function_privilege('regress_cache_ext_app', p.oid, 'EXECUTE') ORDER BY 1;
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'cache_ext'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege('regress_cache_ext_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE') ORDER BY 1;
SELECT has_schema_privilege('regress_cache_ext_app', 'cache_ext', 'USAGE') AS may_use;

SET ROLE regress_cache_ext_app;
SELECT cache_ext.get_merged_config('alice', 'theme');
RESET ROLE;
GRANT USAGE ON SCHEMA cache_ext TO regress_cache_ext_app;
SET ROLE regress_cache_ext_app;
SELECT cache_ext.get_merged_config('alice', 'theme');
SELECT cache_ext.get_merged_config_json('alice', 'theme');
SELECT * FROM cache_ext.get_merged_configs('alice', '{theme}');
SELECT cache_ext.get_public_config('theme');
SELECT cache_ext.get_config_value('alice', 'theme', 'color');
SELECT cache_ext.invalidate_all();
SELECT * FROM cache_ext.stats;
SELECT * FROM cache_ext.memory_usage;
SELECT * FROM cache_ext.config_fragments;
SET cache_ext.clock_offset = 1;
SET cache_ext.max_entry_size = '1kB';
RESET ROLE;

-- Granted the function alone, a role reads, hit or miss, without the tables.
GRANT EXECUTE ON FUNCTION cache_ext.get_merged_config(text, text, boolean) TO regress_cache_ext_app;
SET ROLE regress_cache_ext_app;
SELECT cache_ext.get_merged_config('app user', 'theme') IS NOT NULL AS missed;
SELECT cache_ext.get_merged_config('app user', 'theme') IS NOT NULL AS hit;
SELECT current_user;
SELECT * FROM cache_ext.config_fragments;
RESET ROLE;
-- Granted a table's writes alone, a role writes, and the triggers work.
GRANT INSERT ON cache_ext.config_fragments TO regress_cache_ext_app;
SELECT cache_ext.get_merged_config('app user', 'theme') -> 'app' AS app;
SET ROLE regress_cache_ext_app;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('user', 'app user', 'theme', '{"app": 1}');
RESET ROLE;
SELECT cache_ext.get_merged_config('app user', 'theme') -> 'app' AS app;

SET ROLE regress_cache_ext_monitor;
SELECT count(*) > 20 AS sees_stats FROM cache_ext.stats;
SELECT count(*) > 5 AS sees_memory FROM cache_ext.memory_usage;
SELECT cache_ext.get_merged_config('alice', 'theme');
SELECT (SELECT count(*) > 0 FROM cache_ext.entries) AS entries, (SELECT count(*) > 0 FROM cache_ext.slices) AS slices,
  (SELECT count(*) > 0 FROM cache_ext.invalidations) AS invalidations, (SELECT count(*) FROM cache_ext.health) AS health,
  (SELECT count(*) FROM cache_ext.prewarm_progress) AS prewarm_progress, (SELECT count(*) FROM cache_ext.sources) AS sources;
-- It sees which documents there are, and none of them.
SELECT count(*) > 0 AS entries, count(e.config) AS documents FROM cache_ext.entries_of('alice') e;
SELECT count(*) > 0 AS entries, count(e.config) AS documents FROM cache_ext.entries_rows(NULL, NULL, true) e;
RESET ROLE;
SELECT count(*) > 0 AS entries, count(e.config) > 0 AS documents FROM cache_ext.entries_of('alice') e;
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'cache_ext'::regnamespace AND has_function_privilege('regress_cache_ext_monitor', p.oid, 'EXECUTE') ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'cache_ext'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege('regress_cache_ext_monitor', c.oid, 'SELECT') ORDER BY c.relname;

-- Each function and view, by a role that may use the schema and nothing else.
SET ROLE regress_cache_ext_app;
CREATE FUNCTION pg_temp.state(query text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE query; RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
SELECT pg_temp.state(format('%s %s(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.oid::regproc,
         (SELECT string_agg('NULL::' || format_type(t.type, NULL), ', ' ORDER BY t.n) FROM unnest(p.proargtypes) WITH ORDINALITY t (type, n)))) AS sqlstate, count(*) > 20 AS many
  FROM pg_proc p WHERE p.pronamespace = 'cache_ext'::regnamespace AND p.prorettype <> 'trigger'::regtype AND NOT 'internal'::regtype = ANY (p.proargtypes) AND NOT 'cstring'::regtype = ANY (p.proargtypes)
   AND p.oid <> 'cache_ext.get_merged_config(text, text, boolean)'::regprocedure
   AND NOT p.proisstrict AND p.provariadic = 0
 GROUP BY 1;
SELECT pg_temp.state('SELECT cache_ext.detach(''pg_class'')'), pg_temp.state('SELECT cache_ext.get_config_value(''alice'', ''theme'', ''a'')'),
  pg_temp.state('SELECT * FROM cache_ext.sources_rows()'), pg_temp.state('SELECT * FROM cache_ext.stats_rows()'), pg_temp.state('SELECT * FROM cache_ext.memory_usage_rows()');
SELECT pg_temp.state('TABLE ' || c.oid::regclass) AS sqlstate, count(*) > 10 AS many FROM pg_class c WHERE c.relnamespace = 'cache_ext'::regnamespace AND c.relkind IN ('r', 'v') GROUP BY 1;
RESET ROLE;

-- get_my_config asks for nobody else's: the setting is not the role's to change.
GRANT EXECUTE ON FUNCTION cache_ext.get_my_config(text), cache_ext.get_my_configs(text[]), cache_ext.get_my_configs_json(text[]) TO regress_cache_ext_app;
SET ROLE regress_cache_ext_app;
SELECT cache_ext.get_my_config('theme');
SELECT * FROM cache_ext.get_my_configs('{theme}');
SELECT cache_ext.get_my_configs_json(NULL);
SET cache_ext.user_id = 'alice';
RESET ROLE;
SET cache_ext.user_id = 'alice';
SET ROLE regress_cache_ext_app;
SELECT cache_ext.get_my_config('theme') = cache_ext.get_merged_config('alice', 'theme') AS mine, cache_ext.get_my_config(NULL) AS null, cache_ext.get_my_config('unknown') AS unknown;
SELECT bool_and(c.config IS NOT DISTINCT FROM cache_ext.get_merged_config('alice', c.config_name)) AS mine, count(*), count(c.config) AS found
  FROM cache_ext.get_my_configs('{theme,unknown,theme,NULL}') c;
SELECT cache_ext.get_my_configs_json('{theme,unknown,theme}')::jsonb = jsonb_build_object('theme', cache_ext.get_merged_config('alice', 'theme'), 'unknown', NULL) AS mine;
SELECT cache_ext.get_my_configs_json('{NULL}');
SELECT count(*) FROM cache_ext.get_my_configs(NULL);
SELECT cache_ext.get_my_configs_json(NULL) IS NULL AS no_names;
SELECT cache_ext.get_my_configs_json('{{theme},{menu}}');
SET cache_ext.user_id = 'bob';
RESET cache_ext.user_id;
SELECT set_config('cache_ext.user_id', 'bob', false);
SHOW cache_ext.user_id;
-- Giving it up is not asking for someone else's.
RESET ALL;
SELECT cache_ext.get_my_config('theme');
RESET ROLE;
SET cache_ext.user_id = 'bob';
SELECT cache_ext.get_my_config('theme') = cache_ext.get_merged_config('bob', 'theme') AS his;
RESET cache_ext.user_id;
GRANT SET ON PARAMETER cache_ext.user_id TO regress_cache_ext_app;
SET ROLE regress_cache_ext_app;
SET cache_ext.user_id = 'carol';
RESET ROLE;
RESET cache_ext.user_id;
REVOKE SET ON PARAMETER cache_ext.user_id FROM regress_cache_ext_app;

-- Objects that shadow PostgreSQL's, on a search_path that finds them first.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.trap() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'a trap was called'; END $$;
CREATE FUNCTION hostile.count(text) RETURNS bigint LANGUAGE sql AS 'SELECT hostile.trap()::int::bigint';
CREATE FUNCTION hostile.cardinality(text[]) RETURNS int LANGUAGE sql AS 'SELECT hostile.trap()::int';
CREATE FUNCTION hostile.array_to_string(text[], text) RETURNS text LANGUAGE sql AS 'SELECT hostile.trap()::text';
CREATE FUNCTION hostile.jsonb_typeof(jsonb) RETURNS text LANGUAGE sql AS 'SELECT hostile.trap()::text';
CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT hostile.trap()::text::timestamptz';
CREATE FUNCTION hostile.texteq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT hostile.trap()';
CREATE OPERATOR hostile.= (FUNCTION = hostile.texteq, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile.int4eq(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT hostile.trap()';
CREATE OPERATOR hostile.= (FUNCTION = hostile.int4eq, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR hostile.< (FUNCTION = hostile.int4eq, LEFTARG = int, RIGHTARG = int);
CREATE FUNCTION hostile.int8pl(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT hostile.trap()::int::bigint';
CREATE OPERATOR hostile.+ (FUNCTION = hostile.int8pl, LEFTARG = bigint, RIGHTARG = bigint);
CREATE TABLE hostile.pg_roles AS SELECT hostile.trap() AS oid WHERE false;
CREATE TABLE hostile.config_fragments (LIKE cache_ext.config_fragments);
SET search_path = hostile, pg_catalog, cache_ext;
SELECT 'x'::text = 'y'::text;
SELECT get_merged_config('hostile', 'theme') IS NOT NULL AS read;
SELECT (SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 FROM entries) AS entries, (SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 FROM slices) AS slices,
  (SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 FROM invalidations) AS invalidations, (SELECT pg_catalog.count(*) FROM health) AS health,
  (SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 FROM stats) AS stats, (SELECT pg_catalog.count(*) FROM verify()) AS verify,
  (SELECT pg_catalog.count(*) FROM explain_config('alice', 'theme')) AS fragments, (SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 FROM entries_of('alice')) AS entries_of;
SELECT prewarm('{alice}', '{theme}');
CALL prewarm_all();
SELECT invalidate_scope('user', 'alice');
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
RESET client_min_messages;

-- Row-level security of the sources does not bind the fill, which runs as their owner.
ALTER TABLE cache_ext.config_fragments ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cache_ext_app;
SELECT cache_ext.get_merged_config('rls reader', 'theme') IS NOT NULL AS is_read;
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_ext.explain_config(text, text), cache_ext.compute_config(text, text), cache_ext.verify(bigint),
  cache_ext.entries_rows(text, text, boolean), cache_ext.prewarm(text[], text[], boolean) TO regress_cache_ext_app;
SET ROLE regress_cache_ext_app;
SELECT count(*) > 0 AS explained FROM cache_ext.explain_config('rls reader', 'theme');
SELECT cache_ext.compute_config('rls reader', 'theme') = cache_ext.get_merged_config('rls reader', 'theme') AS computed, cache_ext.prewarm('{rls two}', '{theme}');
SELECT count(*) FROM cache_ext.verify();
-- Not granted by the way.
SELECT count(config) FROM cache_ext.entries_rows(NULL, NULL, true);
SELECT cache_ext.read_state('rls reader', 'theme');
RESET ROLE;
ALTER TABLE cache_ext.config_fragments DISABLE ROW LEVEL SECURITY;

DELETE FROM cache_ext.config_fragments WHERE scope_id = 'app user';
DROP OWNED BY regress_cache_ext_app, regress_cache_ext_monitor;
DROP ROLE regress_cache_ext_app, regress_cache_ext_monitor;

-- Every object says what it is.
SELECT pg_describe_object(d.classid, d.objid, 0) AS without_comment
  FROM pg_depend d
 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_ext') AND d.deptype = 'e'
   AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass)
   AND obj_description(d.objid, d.classid::regclass::text) IS NULL;
SELECT a.attrelid::regclass, a.attname AS without_comment FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'cache_ext'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped AND col_description(a.attrelid, a.attnum) IS NULL;
-- What runs as its owner finds PostgreSQL's objects, whatever the caller's search_path.
SELECT p.oid::regprocedure AS not_pinned FROM pg_proc p
 WHERE p.pronamespace = 'cache_ext'::regnamespace AND p.prosecdef AND p.proconfig IS DISTINCT FROM '{"search_path=pg_catalog, pg_temp"}';
SELECT count(*) >= 5 AS pinned FROM pg_proc p WHERE p.pronamespace = 'cache_ext'::regnamespace AND p.prosecdef;
