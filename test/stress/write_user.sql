\set u random(1, 12)
\set n random(1, 4)
UPDATE cache_ext.config_fragments SET config = stress.document(scope_type) WHERE config_name = 'n:n' AND scope_type = 'user' AND scope_id = 'u:u';
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
