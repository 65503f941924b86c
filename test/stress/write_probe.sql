-- Reads in the middle of queries that write, and after them, of what they wrote and of
-- what they did not; kept or not.
\set u random(1, 12)
\set v random(1, 12)
\set n random(1, 4)
\set commits random(0, 1)
BEGIN;
SET LOCAL stress.probe = on;
UPDATE cache_ext.config_fragments SET config = stress.document(scope_type) WHERE config_name = 'n:n' AND scope_id IN ('u:u', 'u:v');
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
SELECT reference.assert_exact(cache_ext.get_merged_config('u' || i, 'n:n'), reference.merge('u' || i, 'n:n'), 'u' || i, 'n:n') FROM generate_series(1, 12, 3) i;
UPDATE cache_ext.config_policies SET rank = rank WHERE config_name = 'n:n';
SELECT reference.assert_exact(cache_ext.get_merged_config('u:v', 'n:n'), reference.merge('u:v', 'n:n'), 'u:v', 'n:n');
SAVEPOINT s;
DELETE FROM cache_ext.config_policies WHERE config_name = 'n:n' AND scope_type = 'user_overlay';
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
ROLLBACK TO s;
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
\if :commits
COMMIT;
\else
ROLLBACK;
\endif
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
SELECT reference.assert_exact(cache_ext.get_merged_config('u:v', 'n:n'), reference.merge('u:v', 'n:n'), 'u:v', 'n:n');
