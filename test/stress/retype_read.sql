\set u random(1, 2)
SELECT cache_ext.get_merged_config('u:u', 'n1');
SELECT stress.check_blank('u:u', 'n1');
