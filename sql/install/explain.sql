--
-- Explanation
--

CREATE FUNCTION cache_ext.read_state(user_id text, config_name text) RETURNS text LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_read_state';
COMMENT ON FUNCTION cache_ext.read_state(text, text) IS 'What get_merged_config would do now: hit, miss, or why it reads through';

CREATE FUNCTION cache_ext.fragments_rows(user_id text, config_name text,
  OUT "position" bigint, OUT rank bigint, OUT scope_type text, OUT scope_id text, OUT merge_strategy text, OUT config jsonb)
RETURNS SETOF record LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 4
AS 'MODULE_PATHNAME', 'cache_ext_fragments';
COMMENT ON FUNCTION cache_ext.fragments_rows(text, text) IS 'The fragments that contribute, lowest rank first';

-- SQL functions that call other functions of the extension do so as the owner, so
-- that a caller needs no privilege on those.  They give all arguments, each of its
-- very type, so that no other function of that name in this schema can be called.

-- The leaves of a fragment are values that are not objects, and those below the level
-- at which its strategy merges.  A leaf is overridden if a fragment of higher rank has
-- a value at the same path, or a value that is not an object on the way to it.
CREATE FUNCTION cache_ext.explain_config(user_id text, config_name text)
RETURNS TABLE (rank bigint, scope_type text, scope_id text, survives text[], overridden text[], config jsonb, read text)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE f AS MATERIALIZED (
    SELECT * FROM cache_ext.fragments_rows($1, $2)
  ), node AS (
    SELECT f.position, f.merge_strategy, '{}'::text[] AS path, f.config AS value FROM f
    UNION ALL
    SELECT n.position, n.merge_strategy, n.path || c.key, c.value
      FROM node n, LATERAL jsonb_each(CASE jsonb_typeof(n.value) WHEN 'object' THEN n.value ELSE '{}' END) c
     WHERE n.merge_strategy IN ('deep', 'merge_patch') OR n.path = '{}'
  ), leaf AS (
    SELECT n.position, CASE n.path WHEN '{}' THEN '(all)' ELSE array_to_string(n.path, '.') END AS name,
           NOT (n.merge_strategy = 'merge_patch' AND n.value = 'null')
           AND NOT EXISTS (
             SELECT FROM f h, generate_series(0, cardinality(n.path)) depth
              WHERE h.position > n.position
                AND (n.merge_strategy = 'replace'
                     OR (h.config #> n.path[:depth] IS NOT NULL
                         AND (depth = cardinality(n.path) OR jsonb_typeof(h.config #> n.path[:depth]) <> 'object')))
           ) AS survives
      FROM node n
     WHERE jsonb_typeof(n.value) <> 'object' OR n.value = '{}'
        OR (n.merge_strategy NOT IN ('deep', 'merge_patch') AND n.path <> '{}')
  )
  SELECT f.rank, f.scope_type, f.scope_id,
         k.survives, k.overridden, f.config, r.state
    FROM (SELECT cache_ext.read_state($1, $2) AS state) r LEFT JOIN f ON true
    LEFT JOIN LATERAL (SELECT coalesce(array_agg(l.name ORDER BY l.name COLLATE "C") FILTER (WHERE l.survives), '{}') AS survives,
                              coalesce(array_agg(l.name ORDER BY l.name COLLATE "C") FILTER (WHERE NOT l.survives), '{}') AS overridden
                         FROM leaf l WHERE l.position = f.position) k ON f.position IS NOT NULL
   ORDER BY f.position
$$;
COMMENT ON FUNCTION cache_ext.explain_config(text, text) IS 'The fragments that contribute in rank order, the keys of each that survive the merge and that are overridden, and what a read would do now; one row of nulls where nothing contributes';

CREATE FUNCTION cache_ext.verify(max_entries bigint DEFAULT NULL)
RETURNS TABLE (kind text, id text, config_name text, cached jsonb, computed jsonb)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT v.kind, v.id, v.config_name, v.config, v.computed
    FROM (SELECT e.*, cache_ext.compute_config(e.id, e.config_name) AS computed
            FROM (SELECT r.* FROM cache_ext.entries_rows(NULL::text, NULL::text, true) r
                   WHERE r.valid AND r.kind NOT IN ('base', 'common') LIMIT $1) e) v
   WHERE v.config IS DISTINCT FROM v.computed
$$;
COMMENT ON FUNCTION cache_ext.verify(bigint) IS 'Computes what entries that are valid hold, all of them or so many, and gives those that differ: always none';
