\set u random(1, 12)
\set n random(1, 4)
DELETE FROM cache_ext.config_fragments WHERE config_name = 'n:n' AND scope_id = 'u:u';
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT t, 'u:u', 'n:n', stress.document(t) FROM unnest('{user,user_overlay}'::text[]) t ON CONFLICT DO NOTHING;
