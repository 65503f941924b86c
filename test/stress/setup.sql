-- What the stress test reads and writes: few enough rows that clients meet.

CREATE SCHEMA stress;

INSERT INTO cache_ext.scope_types VALUES ('public_overlay', 'none', 150), ('user_overlay', 'user', 350);
INSERT INTO cache_ext.config_definitions VALUES ('n1', 'deep'), ('n2', 'shallow'), ('n3', 'merge_patch'), ('n4', 'replace');
INSERT INTO cache_ext.config_policies (config_name, scope_type)
  SELECT d.config_name, t.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types t;
INSERT INTO cache_ext.users SELECT 'u' || i, 'd' || i % 3 + 1 FROM generate_series(1, 12) i;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT t.scope_type, s.id, d.config_name, jsonb_build_object(t.scope_type, 0, 'both', jsonb_build_object(t.scope_type, 0))
    FROM cache_ext.config_definitions d, cache_ext.scope_types t,
         LATERAL (SELECT NULL AS id WHERE t.keyed_by = 'none'
                  UNION ALL SELECT 'd' || i FROM generate_series(1, 3) i WHERE t.keyed_by = 'domain'
                  UNION ALL SELECT 'u' || i FROM generate_series(1, 12) i WHERE t.keyed_by = 'user') s;

-- A new document, different from all before it.
CREATE SEQUENCE stress.counter CACHE 1000;
CREATE FUNCTION stress.document(scope_type text) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT jsonb_build_object(scope_type, nextval('stress.counter'), 'both', jsonb_build_object(scope_type, random() < 0.5),
                            'v' || (random() * 5)::int, CASE WHEN random() < 0.3 THEN NULL ELSE repeat('x', (random() * 300)::int) END)
$$;
-- Reads in the middle of a query that writes, where a client asks for them, by
-- triggers that come before our own in the order of names.
CREATE FUNCTION stress.probe() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  u text := 'u' || 1 + (random() * 11)::int;
  n text := (coalesce(NEW, OLD)).config_name;
BEGIN
  PERFORM reference.assert_exact(cache_ext.get_merged_config(u, n), reference.merge(u, n), u, n);
  RETURN coalesce(NEW, OLD);
END
$$;
CREATE TRIGGER a_probe_before BEFORE INSERT OR UPDATE OR DELETE ON cache_ext.config_fragments FOR EACH ROW
  WHEN (current_setting('stress.probe', true) = 'on') EXECUTE FUNCTION stress.probe();
CREATE TRIGGER a_probe_after AFTER INSERT OR UPDATE OR DELETE ON cache_ext.config_fragments FOR EACH ROW
  WHEN (current_setting('stress.probe', true) = 'on') EXECUTE FUNCTION stress.probe();
ANALYZE;
