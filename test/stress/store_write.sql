\set u random_zipfian(1, 1000, 1.5)
UPDATE cache_ext.config_fragments SET config = stress.big_document('b:u') WHERE scope_type = 'user' AND scope_id = 'b:u' AND config_name = 'big';
SELECT stress.assert_whole(cache_ext.get_merged_config('b:u', 'big'), 'b:u');
