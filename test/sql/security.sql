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
SELECT * FROM cache_ext.memory;
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
SELECT count(*) > 5 AS sees_memory FROM cache_ext.memory;
SELECT cache_ext.get_merged_config('alice', 'theme');
RESET ROLE;

-- Row-level security of the sources does not bind the fill, which runs as their owner.
ALTER TABLE cache_ext.config_fragments ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cache_ext_app;
SELECT cache_ext.get_merged_config('rls reader', 'theme') IS NOT NULL AS is_read;
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
