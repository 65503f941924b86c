\set u random(1, 12)
\set n random(1, 4)
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
\sleep 500 us
SELECT reference.assert_exact(cache_ext.get_merged_config('u:u', 'n:n'), reference.merge('u:u', 'n:n'), 'u:u', 'n:n');
COMMIT;
