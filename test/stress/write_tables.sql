\set u random(1, 12)
\set d random(1, 4)
\set n random(1, 4)
\set r random(0, 400)
UPDATE cache_ext.users SET domain_id = nullif('d:d', 'd4') WHERE user_id = 'u:u';
UPDATE cache_ext.config_policies SET rank = nullif(:r, 0) WHERE config_name = 'n:n' AND scope_type = 'user';
UPDATE cache_ext.config_definitions SET merge_strategy = (ARRAY['deep', 'shallow', 'merge_patch', 'replace'])[:d] WHERE config_name = 'n:n';
