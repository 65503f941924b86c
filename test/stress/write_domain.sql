\set d random(1, 3)
\set n random(1, 2)
UPDATE cache_ext.config_fragments SET config = stress.document(scope_type) WHERE config_name = 'n:n' AND scope_type = 'domain' AND scope_id = 'd:d';
