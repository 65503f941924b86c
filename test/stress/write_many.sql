\set u random(1, 12)
\set n random(1, 4)
BEGIN;
UPDATE cache_ext.config_fragments SET config = stress.document(scope_type) WHERE config_name = 'n:n' AND scope_type = 'user_overlay' AND scope_id = 'u:u';
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
SAVEPOINT s;
UPDATE cache_ext.config_fragments SET config = stress.document(scope_type) WHERE config_name = 'n:n' AND scope_type = 'public_overlay';
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
ROLLBACK TO s;
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
UPDATE cache_ext.users SET domain_id = 'd1' WHERE user_id = 'u:u';
COMMIT;
