\set QUIET on
\pset footer off
\pset null ''
\timing off
CREATE FUNCTION pg_temp.counted(query text, OUT result text, OUT counted text) LANGUAGE plpgsql AS $$
DECLARE
  before jsonb;
BEGIN
  SELECT jsonb_object_agg(s.name, s.value) INTO before FROM cache_ext.stats s;
  EXECUTE query INTO result;
  SELECT string_agg(s.name || ' +' || s.value - (before ->> s.name)::numeric, ', ') INTO counted
    FROM cache_ext.stats s WHERE s.name <> 'hit_ratio' AND s.value <> (before ->> s.name)::numeric;
END
$$;

\echo '-- What is there:'
SELECT (SELECT count(*) FROM cache_ext.config_definitions) AS names, (SELECT count(*) FROM cache_ext.users) AS users, count(*) AS fragments,
       pg_size_pretty(min(length(config::text))::bigint) AS smallest, pg_size_pretty(max(length(config::text))::bigint) AS largest FROM cache_ext.config_fragments;
\echo '-- The fragments that apply to user-0001, who belongs to domain-02, and their merge:'
SELECT scope_type, scope_id, config FROM cache_ext.config_fragments
 WHERE config_name = 'theme' AND (scope_id IS NULL OR scope_id IN ('user-0001', 'domain-02')) ORDER BY 1 DESC;
\echo '-- The first read computes and stores (a fill), the second is a hit:'
SELECT * FROM pg_temp.counted($$SELECT cache_ext.get_merged_config('user-0001', 'theme')$$);
SELECT * FROM pg_temp.counted($$SELECT cache_ext.get_merged_config('user-0001', 'theme')$$);

\echo '-- Everybody reads their theme, and user-0001 everything:'
SELECT count(cache_ext.get_merged_config(user_id, 'theme')) AS themes FROM cache_ext.users;
SELECT config_name, length(config::text) AS bytes FROM cache_ext.get_merged_configs('user-0001', ARRAY(SELECT config_name FROM cache_ext.config_definitions ORDER BY 1));

\echo '-- An update of the user''s fragment: before, after, what the change invalidated.'
\echo '-- (Slices hash to slots: now and then an entry shares one with what changed.)'
SELECT cache_ext.get_merged_config('user-0001', 'theme') AS before;
SELECT value AS misses FROM cache_ext.stats WHERE name = 'misses' \gset
UPDATE cache_ext.config_fragments SET config = '{"color": "crimson"}' WHERE config_name = 'theme' AND scope_type = 'user' AND scope_id = 'user-0001';
SELECT cache_ext.get_merged_config('user-0001', 'theme') AS after;
SELECT count(cache_ext.get_merged_config(user_id, 'theme')) AS read_again FROM cache_ext.users;
SELECT value - :misses AS entries_invalidated FROM cache_ext.stats WHERE name = 'misses';

\echo '-- Of the domain''s:'
SELECT cache_ext.get_merged_config('user-0001', 'theme') AS before;
SELECT value AS misses FROM cache_ext.stats WHERE name = 'misses' \gset
UPDATE cache_ext.config_fragments SET config = '{"font": {"size": 18}, "logo": "new.svg"}' WHERE config_name = 'theme' AND scope_type = 'domain' AND scope_id = 'domain-02';
SELECT cache_ext.get_merged_config('user-0001', 'theme') AS after;
SELECT count(cache_ext.get_merged_config(user_id, 'theme')) AS read_again FROM cache_ext.users;
SELECT value - :misses AS entries_invalidated FROM cache_ext.stats WHERE name = 'misses';

\echo '-- Of the public one, which all themes depend on; other names stay:'
SELECT cache_ext.get_merged_config('user-0001', 'theme') AS before;
SELECT value AS misses FROM cache_ext.stats WHERE name = 'misses' \gset
UPDATE cache_ext.config_fragments SET config = '{"color": "blue", "font": {"name": "Noto", "size": 14}}' WHERE config_name = 'theme' AND scope_type = 'public';
SELECT cache_ext.get_merged_config('user-0001', 'theme') AS after;
SELECT * FROM pg_temp.counted($$SELECT length(cache_ext.get_merged_config('user-0001', 'menu')::text)$$);
SELECT count(cache_ext.get_merged_config(user_id, 'theme')) AS read_again FROM cache_ext.users;
SELECT value - :misses AS entries_invalidated FROM cache_ext.stats WHERE name = 'misses';

\echo '-- In a transaction that writes, reads go through to the tables; rolled back, nothing happened:'
BEGIN;
UPDATE cache_ext.config_fragments SET config = '{"color": "never"}' WHERE config_name = 'theme' AND scope_type = 'user' AND scope_id = 'user-0001';
SELECT result::jsonb -> 'color' AS color, counted FROM pg_temp.counted($$SELECT cache_ext.get_merged_config('user-0001', 'theme')$$);
ROLLBACK;
SELECT result::jsonb -> 'color' AS color, counted FROM pg_temp.counted($$SELECT cache_ext.get_merged_config('user-0001', 'theme')$$);

\echo '-- A hit''s cost beside the same merge computed without the cache (one call, in a loop of its own):'
CREATE FUNCTION pg_temp.cost(calls int) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
  start timestamptz := clock_timestamp();
BEGIN
  PERFORM count(cache_ext.get_merged_config('user-' || to_char(i % 100 + 1, 'FM0000'), 'theme')) FROM generate_series(1, calls) i;
  RETURN extract(epoch FROM clock_timestamp() - start) * 1e6 / calls;
END
$$;
SELECT pg_temp.cost(100000) AS hit \gset
SET cache_ext.enabled = off;
SELECT pg_temp.cost(5000) AS computed \gset
RESET cache_ext.enabled;
SELECT round(:hit::numeric, 2) AS hit_us, round(:computed::numeric, 1) AS computed_us, round((:computed / :hit)::numeric) AS times_faster;

\echo '-- The views:'
SELECT * FROM cache_ext.stats WHERE value > 0;
SELECT * FROM cache_ext.memory_usage;
