-- explain_config: where a configuration comes from, and what a read would do.
\pset null '(null)'
SET client_min_messages = warning;
CREATE SCHEMA e;
INSERT INTO cache_ext.users VALUES ('erin', 'explained');
INSERT INTO cache_ext.config_definitions (config_name, merge_strategy)
  SELECT 'e_' || s, s FROM unnest('{deep,shallow,replace,merge_patch}'::text[]) s;
INSERT INTO cache_ext.config_policies (config_name, scope_type, rank)
  SELECT d.config_name, t.scope_type, t.default_rank FROM cache_ext.config_definitions d, cache_ext.scope_types t WHERE d.config_name LIKE 'e\_%' AND t.scope_type IN ('public', 'domain', 'user');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT f.scope_type, f.scope_id, d.config_name, f.config
    FROM cache_ext.config_definitions d,
         (VALUES ('public', NULL, '{"color": "blue", "font": {"name": "Inter", "size": 14, "more": {"x": 1}}, "list": [1, 2], "gone": 1}'::jsonb),
                 ('domain', 'explained', '{"font": {"size": 16, "more": 7}, "list": {"a": 1}, "gone": null, "empty": {}}'),
                 ('user', 'erin', '{"color": "teal", "font": {"own": {"y": 2}}, "list": 5}')) f (scope_type, scope_id, config)
   WHERE d.config_name LIKE 'e\_%';
SELECT rank, scope_type, scope_id, survives, overridden, read FROM cache_ext.explain_config('erin', 'e_deep');
SELECT rank, scope_type, scope_id, survives, overridden FROM cache_ext.explain_config('erin', 'e_shallow');
SELECT rank, scope_type, scope_id, survives, overridden FROM cache_ext.explain_config('erin', 'e_replace');
SELECT rank, scope_type, scope_id, survives, overridden FROM cache_ext.explain_config('erin', 'e_merge_patch');
SELECT config FROM cache_ext.explain_config('erin', 'e_deep');

-- What survives is what the merge has, no more and no less: the leaves of either.
CREATE FUNCTION e.leaves(doc jsonb, deep boolean) RETURNS TABLE (path text, value jsonb) LANGUAGE sql AS $$
  WITH RECURSIVE n AS (
    SELECT '{}'::text[] AS path, doc AS value
    UNION ALL
    SELECT n.path || k.key, k.value FROM n, jsonb_each(CASE jsonb_typeof(n.value) WHEN 'object' THEN n.value ELSE '{}' END) k WHERE deep OR n.path = '{}'
  )
  SELECT array_to_string(n.path, '.'), n.value FROM n WHERE jsonb_typeof(n.value) <> 'object' OR n.value = '{}' OR (NOT deep AND n.path <> '{}')
$$;
CREATE FUNCTION e.survivors(u text, n text, deep boolean) RETURNS TABLE (path text, value jsonb) LANGUAGE sql AS $$
  SELECT l.path, l.value FROM cache_ext.explain_config(u, n) x, e.leaves(x.config, deep) l WHERE l.path = ANY (x.survives)
$$;
CREATE FUNCTION e.compare(u text, n text, deep boolean) RETURNS TABLE (survivors bigint, same boolean) LANGUAGE sql AS $$
  WITH ours AS (SELECT * FROM e.survivors(u, n, deep)), merged AS (SELECT * FROM e.leaves(cache_ext.get_merged_config(u, n), deep))
  SELECT (SELECT count(*) FROM ours), NOT EXISTS ((TABLE ours EXCEPT ALL TABLE merged) UNION ALL (TABLE merged EXCEPT ALL TABLE ours))
$$;
SELECT n AS config_name, c.* FROM unnest('{e_deep,e_shallow,e_replace,e_merge_patch}'::text[]) n, e.compare('erin', n, n NOT IN ('e_shallow', 'e_replace')) c;

-- A root that is no object.
UPDATE cache_ext.config_fragments SET config = '[1]' WHERE scope_id = 'explained' AND config_name = 'e_deep';
SELECT scope_type, survives, overridden FROM cache_ext.explain_config('erin', 'e_deep');
UPDATE cache_ext.config_fragments SET config = '[2]' WHERE scope_id = 'erin' AND config_name = 'e_deep';
SELECT scope_type, survives, overridden FROM cache_ext.explain_config('erin', 'e_deep');

-- What a read would do, and then does.
CREATE FUNCTION e.state(u text, n text) RETURNS TABLE (state text, counted text) LANGUAGE plpgsql STABLE AS $$
BEGIN
  state := cache_ext.read_state(u, n);
  SELECT c.counted INTO counted FROM t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', u, n)) c;
  RETURN NEXT;
END
$$;
SELECT * FROM e.state('erin', 'e_deep');
SELECT * FROM e.state('erin', 'e_deep');
UPDATE cache_ext.config_fragments SET config = '{}' WHERE scope_id = 'erin' AND config_name = 'e_deep';
SELECT * FROM e.state('erin', 'e_deep');
SELECT * FROM e.state('erin', 'e_deep');
BEGIN;
UPDATE cache_ext.config_fragments SET config = '{"x": 1}' WHERE scope_id = 'erin' AND config_name = 'e_deep';
SELECT * FROM e.state('erin', 'e_deep');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM e.state('erin', 'e_deep');
COMMIT;
SET cache_ext.enabled = off;
SELECT * FROM e.state('erin', 'e_deep');
RESET cache_ext.enabled;
-- What is not stored because of what it is: a look computes it, and stores nothing.
UPDATE cache_ext.config_fragments SET config = to_jsonb(repeat('x', 2000)) WHERE scope_id = 'erin' AND config_name = 'e_shallow';
SET cache_ext.max_entry_size = '1kB';
SELECT * FROM e.state('erin', 'e_shallow');
SELECT * FROM e.state('erin', 'e_shallow');
SELECT read FROM cache_ext.explain_config('erin', 'e_shallow') LIMIT 1;
SELECT cache_ext.read_state(NULL, 'e_shallow');
RESET cache_ext.max_entry_size;
SELECT cache_ext.read_state('erin', 'e_shallow'), counted FROM t.count($$SELECT cache_ext.read_state('erin', 'e_shallow')$$);
SELECT * FROM e.state('erin', 'e_shallow');
SET cache_ext.cache_absent = off;
SELECT * FROM e.state('erin', 'e_none');
RESET cache_ext.cache_absent;
SELECT * FROM e.state('erin', 'e_none');
UPDATE cache_ext.config_definitions SET ttl = '1 minute' WHERE config_name = 'e_deep';
SELECT * FROM e.state('erin', 'e_deep');
SET cache_ext.clock_offset = '61s';
SELECT * FROM e.state('erin', 'e_deep');
RESET cache_ext.clock_offset;
ALTER TABLE cache_ext.users DISABLE TRIGGER cache_ext_row;
SELECT state FROM e.state('erin', 'e_deep');
ALTER TABLE cache_ext.users ENABLE ALWAYS TRIGGER cache_ext_row;

-- Nothing, and nobody.
SELECT * FROM cache_ext.explain_config('erin', 'unknown');
SELECT rank, scope_type, scope_id, survives, read FROM cache_ext.explain_config(NULL, 'e_deep');
SELECT * FROM cache_ext.explain_config('erin', NULL);
SELECT * FROM cache_ext.explain_config('erin', '');
SELECT cache_ext.compute_config('erin', 'e_shallow') = cache_ext.get_merged_config('erin', 'e_shallow') AS computed,
       cache_ext.compute_config(NULL, 'e_shallow') = cache_ext.get_public_config('e_shallow') AS public, cache_ext.compute_config('erin', 'unknown') AS none;

DELETE FROM cache_ext.config_definitions WHERE config_name LIKE 'e\_%';
DELETE FROM cache_ext.users WHERE user_id = 'erin';
DROP SCHEMA e CASCADE;
