-- Keys that differ in one byte, wherever it is: each is answered its own, however
-- often those beside it are read.
CREATE SCHEMA k;
CREATE TABLE k.ids AS
  SELECT len, place, overlay(repeat('a', len) PLACING 'b' FROM place) AS id
    FROM (SELECT generate_series(1, 50) UNION SELECT unnest('{63,64,65,100,511,512}'::int[])) l (len),
         generate_series(1, len) place
   WHERE place <= 40 OR place > len - 40
   UNION ALL SELECT len, 0, repeat('a', len) FROM (SELECT generate_series(1, 50) UNION SELECT unnest('{63,64,65,100,511,512}'::int[])) l (len);
INSERT INTO cache_ext.config_definitions (config_name) SELECT id FROM k.ids UNION ALL VALUES ('k');
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT config_name, scope_type FROM cache_ext.config_definitions, unnest('{public,user}'::text[]) scope_type WHERE config_name IN (SELECT id FROM k.ids) OR config_name = 'k';
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', id, 'k', to_jsonb(id) FROM k.ids UNION ALL
  SELECT 'public', NULL, id, to_jsonb(id) FROM k.ids;
SELECT count(*) FROM k.ids;

-- Of a user, of a name, of nobody, rendered: those that are read wrong.
CREATE FUNCTION k.wrong() RETURNS TABLE (what text, len int, place int) LANGUAGE plpgsql AS $$
DECLARE
  i k.ids;
BEGIN
  FOR round IN 1 .. 2 LOOP
    FOR i IN SELECT * FROM k.ids x ORDER BY x.len, x.place LOOP
      FOR again IN 1 .. 5 LOOP
        RETURN QUERY SELECT v.what, i.len, i.place
          FROM (VALUES ('user', cache_ext.get_merged_config(i.id, 'k')), ('name', cache_ext.get_merged_config('k', i.id)), ('public', cache_ext.get_public_config(i.id)),
                       ('json', cache_ext.get_merged_config_json(i.id, 'k')::jsonb)) v (what, config) WHERE v.config IS DISTINCT FROM to_jsonb(i.id);
      END LOOP;
    END LOOP;
  END LOOP;
END
$$;
SELECT * FROM k.wrong();
-- Where user and name meet.
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', repeat('a', n), repeat('a', 40 - n), to_jsonb(n) FROM generate_series(1, 39) n;
SELECT n, count(*) FROM generate_series(1, 39) n, generate_series(1, 5) WHERE cache_ext.get_merged_config(repeat('a', n), repeat('a', 40 - n)) IS DISTINCT FROM to_jsonb(n) GROUP BY n;

DELETE FROM cache_ext.config_definitions WHERE config_name IN (SELECT id FROM k.ids) OR config_name = 'k';
DROP SCHEMA k CASCADE;
