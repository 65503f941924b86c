\set u random(1, 12)
\set n random(1, 4)
SELECT reference.assert_exact(cache_ext.get_merged_config_json('u:u', 'n:n')::jsonb, reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
SELECT reference.assert_exact(cache_ext.get_public_config('n:n'), reference.merge(NULL, 'n:n'), NULL, 'n:n');
SELECT reference.assert_exact(cache_ext.get_config_value('u:u', 'n:n', 'both'), reference.merge('u:u', 'n:n') -> 'both', 'u:u', 'n:n');
SELECT bool_and(reference.assert_exact(c.config, reference.merge('u:u', c.config_name), 'u:u', c.config_name))
  FROM cache_ext.get_merged_configs('u:u', '{n1,n2,n3,n4,n5,n1}') c;
