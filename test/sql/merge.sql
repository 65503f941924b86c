-- Merge strategies, held against the reference.
CREATE TABLE t.docs (id int PRIMARY KEY, doc jsonb);
INSERT INTO t.docs VALUES
  (1, '{}'), (2, '{"a": 1}'), (3, '{"a": {"b": 1, "c": [1, 2]}, "d": null}'),
  (4, '{"a": {"b": {"e": 1}}, "d": 5}'), (5, '{"a": null}'), (6, '[1, 2, {"a": 1}]'),
  (7, '"text"'), (8, 'null'), (9, '7'), (10, '{"a": {"b": {"e": null, "f": {}}}, "": 1}'),
  (11, '{"a": {}, "bb": true, "ccc": 1.50, "d": {"x": "y"}}'), (12, 'true');

INSERT INTO cache_ext.config_definitions VALUES
  ('m_deep', 'deep'), ('m_shallow', 'shallow'), ('m_replace', 'replace'), ('m_patch', 'merge_patch');
INSERT INTO cache_ext.config_policies (config_name, scope_type)
  SELECT d.config_name, s.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types s
   WHERE d.config_name LIKE 'm\_%';

-- Every triple of documents, at three scopes, under every strategy.
INSERT INTO cache_ext.config_fragments (scope_type, config_name, config)
  SELECT 'public', d.config_name, '{}' FROM cache_ext.config_definitions d WHERE d.config_name LIKE 'm\_%';
INSERT INTO cache_ext.users SELECT 'u' || a.id || '-' || b.id, 'd' || a.id FROM t.docs a, t.docs b;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'domain', 'd' || a.id, d.config_name, a.doc FROM t.docs a, cache_ext.config_definitions d WHERE d.config_name LIKE 'm\_%';
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', 'u' || a.id || '-' || b.id, d.config_name, b.doc
    FROM t.docs a, t.docs b, cache_ext.config_definitions d WHERE d.config_name LIKE 'm\_%';

CREATE FUNCTION t.wrong() RETURNS TABLE (public int, config_name text, user_id text, config jsonb, expected jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  doc t.docs;
BEGIN
  FOR doc IN SELECT * FROM t.docs ORDER BY id LOOP
    UPDATE cache_ext.config_fragments f SET config = doc.doc
     WHERE f.scope_type = 'public' AND f.config_name LIKE 'm\_%';
    RETURN QUERY
      SELECT doc.id, d.config_name, u.user_id,
             cache_ext.get_merged_config(u.user_id, d.config_name), reference.merge(u.user_id, d.config_name)
        FROM cache_ext.users u, cache_ext.config_definitions d
       WHERE d.config_name LIKE 'm\_%' AND u.user_id LIKE 'u%-%'
         AND (cache_ext.get_merged_config(u.user_id, d.config_name) IS DISTINCT FROM reference.merge(u.user_id, d.config_name)
              -- The stored bytes, not just their equality.
              OR cache_ext.get_merged_config(u.user_id, d.config_name)::text IS DISTINCT FROM reference.merge(u.user_id, d.config_name)::text);
  END LOOP;
END
$$;
SELECT * FROM t.wrong();

-- What the reference says, so that a mistake in both does not go unseen.
SELECT d.config_name, cache_ext.get_merged_config('u3-4', d.config_name), cache_ext.get_merged_config('u4-10', d.config_name)
  FROM cache_ext.config_definitions d WHERE d.config_name LIKE 'm\_%' ORDER BY 1;

-- Higher rank wins; ties are broken by scope type.
UPDATE cache_ext.config_policies SET rank = 400 WHERE config_name = 'm_replace' AND scope_type = 'domain';
SELECT cache_ext.get_merged_config('u2-3', 'm_replace');
UPDATE cache_ext.config_policies SET rank = 400 WHERE config_name = 'm_replace' AND scope_type = 'user';
SELECT cache_ext.get_merged_config('u2-3', 'm_replace');
UPDATE cache_ext.config_policies SET rank = NULL WHERE config_name = 'm_replace';
UPDATE cache_ext.scope_types SET default_rank = 1 WHERE scope_type = 'user';
SELECT cache_ext.get_merged_config('u2-3', 'm_replace');
UPDATE cache_ext.scope_types SET default_rank = 300 WHERE scope_type = 'user';

-- A definition's strategy can change.
UPDATE cache_ext.config_definitions SET merge_strategy = 'deep' WHERE config_name = 'm_replace';
SELECT cache_ext.get_merged_config('u2-3', 'm_replace');

-- Many keys, whose order in JSONB is by length first.
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'domain_user_defaults', 'd1', 'm_deep', jsonb_object_agg(repeat('k', i % 7) || i, jsonb_build_object('v', i)) FROM generate_series(1, 500) i;
UPDATE cache_ext.config_fragments SET config = (SELECT jsonb_object_agg(repeat('k', i % 7) || i, jsonb_build_object('w', i)) FROM generate_series(250, 800) i)
 WHERE scope_type = 'user' AND scope_id = 'u1-1' AND config_name = 'm_deep';
SELECT c = reference.merge('u1-1', 'm_deep') AS is_exact, c -> 'k498' AS both_sides, (SELECT count(*) FROM jsonb_object_keys(c)) AS keys
  FROM cache_ext.get_merged_config('u1-1', 'm_deep') c;

-- Too deep for the stack: an error, not a crash.
\set VERBOSITY terse
SET max_stack_depth = '100kB';
UPDATE cache_ext.config_fragments SET config = (repeat('{"a":', 400) || '1' || repeat('}', 400))::jsonb
 WHERE config_name = 'm_deep' AND scope_id IN ('d1', 'u1-1') AND scope_type IN ('domain', 'user');
SELECT cache_ext.get_merged_config('u1-1', 'm_deep') IS NOT NULL AS is_merged;
SET max_stack_depth = '100kB';
UPDATE cache_ext.config_fragments SET config = (repeat('{"a":', 2000) || '1' || repeat('}', 2000))::jsonb
 WHERE config_name = 'm_deep' AND scope_id IN ('d1', 'u1-1') AND scope_type IN ('domain', 'user');
RESET max_stack_depth;
UPDATE cache_ext.config_fragments SET config = (repeat('{"a":', 2000) || '1' || repeat('}', 2000))::jsonb
 WHERE config_name = 'm_deep' AND scope_id IN ('d1', 'u1-1') AND scope_type IN ('domain', 'user');
SET max_stack_depth = '100kB';
SELECT cache_ext.get_merged_config('u1-1', 'm_deep') IS NOT NULL AS is_merged;
RESET max_stack_depth;
SELECT cache_ext.get_merged_config('u1-1', 'm_deep') IS NOT NULL AS is_merged;

DELETE FROM cache_ext.config_definitions WHERE config_name LIKE 'm\_%';
DELETE FROM cache_ext.users WHERE user_id LIKE 'u%-%';
DROP FUNCTION t.wrong;
DROP TABLE t.docs;
