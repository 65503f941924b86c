-- A configuration as applications have it: a dozen names, four scopes, fifty
-- domains, five thousand users, documents of 200 bytes to 20 kB.
CREATE EXTENSION cache_ext;

INSERT INTO cache_ext.config_definitions (config_name, merge_strategy) VALUES
  ('theme', 'deep'), ('menu', 'deep'), ('dashboard', 'deep'), ('editor', 'deep'), ('shortcuts', 'shallow'), ('locale', 'deep'),
  ('notifications', 'deep'), ('feature_flags', 'merge_patch'), ('branding', 'deep'), ('search', 'deep'), ('translations', 'deep'), ('terms', 'replace');
INSERT INTO cache_ext.config_policies (config_name, scope_type)
  SELECT d.config_name, t.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types t;

INSERT INTO cache_ext.users
  SELECT 'user-' || to_char(i, 'FM0000'), 'domain-' || to_char(i % 50 + 1, 'FM00') FROM generate_series(1, 5000) i;

-- A document of about so many bytes, which varies with its key.
CREATE FUNCTION pg_temp.document(key text, bytes int) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('version', 1, 'settings', jsonb_object_agg('option_' || i, jsonb_build_object('value', md5(key || i), 'enabled', i % 2 = 0)))
    FROM generate_series(1, greatest(bytes / 80, 1)) i
$$;
INSERT INTO cache_ext.config_fragments (scope_type, config_name, config)
  SELECT 'public', d.config_name, pg_temp.document(d.config_name, CASE d.config_name WHEN 'translations' THEN 20000 WHEN 'menu' THEN 5000 WHEN 'terms' THEN 9000 ELSE 600 END)
    FROM cache_ext.config_definitions d;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT t, 'domain-' || to_char(i, 'FM00'), d.config_name, pg_temp.document(t || i, 300)
    FROM cache_ext.config_definitions d, generate_series(1, 50) i, unnest('{domain,domain_user_defaults}'::text[]) t WHERE d.config_name <> 'terms';
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', u.user_id, n, pg_temp.document(u.user_id || n, 200)
    FROM cache_ext.users u, unnest('{theme,dashboard,editor,shortcuts,locale,notifications}'::text[]) n WHERE hashtext(u.user_id || n) % 2 = 0;

-- The ones that the demo shows are small enough to be read.
UPDATE cache_ext.config_fragments SET config = '{"color": "blue", "font": {"name": "Inter", "size": 14}, "logo": "default.svg"}' WHERE config_name = 'theme' AND scope_type = 'public';
UPDATE cache_ext.config_fragments SET config = '{"font": {"size": 16}, "logo": "domain-02.svg"}' WHERE config_name = 'theme' AND scope_type = 'domain' AND scope_id = 'domain-02';
UPDATE cache_ext.config_fragments SET config = '{"tips": true}' WHERE config_name = 'theme' AND scope_type = 'domain_user_defaults' AND scope_id = 'domain-02';
DELETE FROM cache_ext.config_fragments WHERE config_name = 'theme' AND scope_type = 'user' AND scope_id = 'user-0001';
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('user', 'user-0001', 'theme', '{"color": "teal", "tips": null}');
ANALYZE;
