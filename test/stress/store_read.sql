\set u random_zipfian(1, 1000, 1.5)
SELECT stress.assert_whole(cache_ext.get_merged_config('b:u', 'big'), 'b:u');
