-- Eight million fragments in a table of an application's, a million for each session.
CREATE TABLE bench.bulk (i int PRIMARY KEY, kind text, owner text, name text, doc jsonb) WITH (fillfactor = 50);
INSERT INTO bench.bulk SELECT i, 'user', 'bulk' || i, 'bulk', jsonb_build_object('a', i) FROM generate_series(1, 8000000) i;
CREATE UNIQUE INDEX ON bench.bulk (owner, name, kind);
INSERT INTO cache_ext.config_definitions (config_name) VALUES ('bulk');
INSERT INTO cache_ext.config_policies (config_name, scope_type) VALUES ('bulk', 'user');
VACUUM ANALYZE;
