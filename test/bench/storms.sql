-- Ten thousand users in a hundred domains, each with a fragment, all cached.
INSERT INTO cache_ext.config_definitions (config_name) VALUES ('storm');
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT 'storm', t.scope_type FROM cache_ext.scope_types t;
INSERT INTO cache_ext.users SELECT 'storm' || i, 'storms' || i % 100 FROM generate_series(0, 9999) i;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'public', NULL, 'storm', jsonb_object_agg('setting_' || i, md5(i::text)) FROM generate_series(1, 12) i
  UNION ALL SELECT 'domain', 'storms' || i, 'storm', jsonb_build_object('domain', i) FROM generate_series(0, 99) i
  UNION ALL SELECT 'user', 'storm' || i, 'storm', jsonb_build_object('user', i) FROM generate_series(0, 9999) i;
