\set r random(100, 400)
UPDATE cache_ext.scope_types SET default_rank = :r WHERE scope_type = 'domain';
SELECT cache_ext.invalidate_all();
