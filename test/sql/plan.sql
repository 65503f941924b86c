-- What the planner is told: that a read costs more than an operator, and how many
-- rows get_merged_configs gives.

CREATE TABLE t.items (id int PRIMARY KEY, tenant text, note text);
INSERT INTO t.items SELECT i, 'tenant' || i % 100, 'note' FROM generate_series(1, 2000) i;
CREATE INDEX items_tenant ON t.items (tenant);
VACUUM ANALYZE t.items;

-- Cheap conditions are looked at first, wherever they stand.
EXPLAIN (COSTS OFF) SELECT id FROM t.items WHERE cache_ext.get_config_value(tenant, 'theme', 'color') = '"blue"' AND note = 'other';

-- A read is stable: it is done once to look up an index.
EXPLAIN (COSTS OFF) SELECT id FROM t.items WHERE tenant = cache_ext.get_merged_config('alice', 'theme') ->> 'color';

-- In a row-level security policy it does not keep an index from being used, and is
-- asked for the row that was found.
ALTER TABLE t.items ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON t.items USING (cache_ext.get_config_value(tenant, 'theme', 'color') IS NOT NULL);
CREATE ROLE regress_cache_ext_plan;
GRANT USAGE ON SCHEMA t, cache_ext TO regress_cache_ext_plan;
GRANT SELECT ON t.items TO regress_cache_ext_plan;
GRANT EXECUTE ON FUNCTION cache_ext.get_config_value(text, text, text[]) TO regress_cache_ext_plan;
SET ROLE regress_cache_ext_plan;
EXPLAIN (COSTS OFF) SELECT * FROM t.items WHERE id = 7;
RESET ROLE;
DROP OWNED BY regress_cache_ext_plan;
DROP ROLE regress_cache_ext_plan;

-- Rows: as many as names, where that is known.
CREATE FUNCTION t.estimated_rows(query text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
  RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END
$$;
SELECT t.estimated_rows($$SELECT * FROM cache_ext.get_merged_configs('alice', '{theme,menu,nope}')$$) AS three,
  t.estimated_rows($$SELECT * FROM cache_ext.get_merged_configs('alice', ARRAY['theme', version()])$$) AS two,
  t.estimated_rows($$SELECT * FROM cache_ext.get_merged_configs('alice', '{}')$$) AS at_least_one,
  t.estimated_rows($$SELECT * FROM cache_ext.get_merged_configs('alice', (SELECT array_agg(tenant) FROM t.items))$$) AS unknown,
  t.estimated_rows($$SELECT * FROM cache_ext.get_public_configs('{theme,menu,nope}')$$) AS public_three,
  t.estimated_rows($$SELECT * FROM cache_ext.get_my_configs('{theme,menu}')$$) AS my_two;

DROP TABLE t.items;
DROP FUNCTION t.estimated_rows(text);
