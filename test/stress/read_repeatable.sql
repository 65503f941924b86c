\set u random(1, 12)
\set n random(1, 4)
\set pause random(0, 3000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
\sleep :pause us
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
\set u random(1, 12)
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
\sleep :pause us
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
COMMIT;
