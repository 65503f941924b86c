\set n random(1, 4)
UPDATE cache_ext.config_fragments SET config = stress.document(scope_type) WHERE config_name = 'n:n' AND scope_type = 'public';
