-- Nanoseconds a call for reads that miss, one for each user, and for what they are
-- compared with: the statement that fetches the same fragments, with the policy
-- written into it, and the same merge in PL/pgSQL.  They run in turns, and the best of
-- five rounds counts.  There is a small document and a larger, nested one for users
-- who share a domain, and the small one for users who are alone in their domain.
SET jit = off;
INSERT INTO cache_ext.users SELECT 'crowd' || i, 'acme' FROM generate_series(1, 10000) i;
INSERT INTO cache_ext.config_definitions VALUES ('settings');
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT 'settings', scope_type FROM cache_ext.scope_types;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', 'crowd' || i, 'theme', jsonb_build_object('mine', md5(i::text), 'setting_1', true) FROM generate_series(1, 10000) i;
INSERT INTO cache_ext.users SELECT 'loner' || i, 'own' || i FROM generate_series(1, 10000) i;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT f.scope_type, 'own' || i, 'theme', f.config FROM cache_ext.config_fragments f, generate_series(1, 10000) i
   WHERE f.config_name = 'theme' AND f.scope_id = 'acme'
  UNION ALL SELECT 'user', 'loner' || i, 'theme', jsonb_build_object('mine', md5(i::text), 'setting_1', true) FROM generate_series(1, 10000) i;
CREATE FUNCTION bench.nested(groups int, keys int, value text) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_object_agg('group_' || g, (SELECT jsonb_object_agg('setting_' || k, jsonb_build_object('value', value, 'order', g * k)) FROM generate_series(1, keys) k))
    FROM generate_series(1, groups) g
$$;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'public', NULL, 'settings', bench.nested(12, 8, 'public')
  UNION ALL SELECT 'domain', 'acme', 'settings', bench.nested(6, 4, 'domain')
  UNION ALL SELECT 'domain_user_defaults', 'acme', 'settings', bench.nested(3, 3, 'default')
  UNION ALL SELECT 'user', 'crowd' || i, 'settings', bench.nested(2, 2, 'user') FROM generate_series(1, 10000) i;
VACUUM ANALYZE cache_ext.users, cache_ext.config_fragments;

CREATE PROCEDURE bench.bare(n text, who text, users int) LANGUAGE plpgsql AS $$
DECLARE
  u text;
  docs jsonb[];
BEGIN
  FOR u IN SELECT who || i FROM generate_series(1, users) i LOOP
    SELECT array_agg(f.config) INTO docs FROM (
      SELECT x.config FROM cache_ext.config_fragments x WHERE x.config_name = n AND x.scope_type = 'public' AND x.scope_id IS NULL
      UNION ALL
      SELECT x.config FROM cache_ext.config_fragments x WHERE x.config_name = n AND x.scope_type = 'domain'
         AND x.scope_id = (SELECT w.domain_id FROM cache_ext.users w WHERE w.user_id = u)
      UNION ALL
      SELECT x.config FROM cache_ext.config_fragments x WHERE x.config_name = n AND x.scope_type = 'domain_user_defaults'
         AND x.scope_id = (SELECT w.domain_id FROM cache_ext.users w WHERE w.user_id = u)
      UNION ALL
      SELECT x.config FROM cache_ext.config_fragments x WHERE x.config_name = n AND x.scope_type = 'user' AND x.scope_id = u) f;
  END LOOP;
END
$$;
-- The same with the merge: the procedure above, and one statement more.
SELECT regexp_replace(regexp_replace(pg_get_functiondef('bench.bare'::regproc), 'bench\.bare', 'bench.plpgsql'),
                      '  END LOOP', '    docs[1] := reference.fold(docs);' || E'\n  END LOOP') AS definition \gset
:definition;
CREATE PROCEDURE bench.miss(n text, who text, users int) LANGUAGE plpgsql AS $$
DECLARE
  u text;
  d jsonb;
BEGIN
  FOR u IN SELECT who || i FROM generate_series(1, users) i LOOP
    d := cache_ext.get_merged_config(u, n);
  END LOOP;
END
$$;
-- The loop alone.
CREATE PROCEDURE bench.calls(n text, who text, users int) LANGUAGE plpgsql AS $$
DECLARE
  u text;
  d jsonb;
BEGIN
  FOR u IN SELECT who || i FROM generate_series(1, users) i LOOP
    d := NULL;
  END LOOP;
END
$$;

CREATE TEMP TABLE measured (what text, name text, who text, ns float DEFAULT 'infinity');
INSERT INTO measured SELECT w, n, 'crowd' FROM unnest('{miss,bare,plpgsql,calls}'::text[]) w, unnest('{theme,settings}'::text[]) n
  UNION ALL SELECT w, 'theme', 'loner' FROM unnest('{miss,bare}'::text[]) w;
CREATE PROCEDURE bench.misses() LANGUAGE plpgsql AS $$
DECLARE
  m measured;
  start timestamptz;
  -- The merge in PL/pgSQL takes its time.
  users int;
BEGIN
  FOR round IN 0 .. 5 LOOP
    FOR m IN SELECT * FROM measured LOOP
      users := CASE WHEN m.what = 'plpgsql' THEN 300 ELSE 10000 END;
      PERFORM cache_ext.invalidate_all();
      COMMIT;
      start := clock_timestamp();
      EXECUTE format('CALL bench.%I(%L, %L, %s)', m.what, m.name, m.who, users);
      -- The first round warms up.
      UPDATE measured SET ns = least(ns, extract(epoch FROM clock_timestamp() - start) * 1e9 / users)
       WHERE what = m.what AND name = m.name AND who = m.who AND round > 0;
      COMMIT;
    END LOOP;
  END LOOP;
END
$$;
SELECT value AS fills FROM cache_ext.stats WHERE name = 'fills' \gset
CALL bench.misses();
SELECT what || '_' || CASE who WHEN 'loner' THEN 'alone' ELSE name END, ns - (SELECT min(ns) FROM measured WHERE what = 'calls') FROM measured WHERE what <> 'calls';
-- Or they were no misses.
SELECT 'fills', value - :fills FROM cache_ext.stats WHERE name = 'fills';
SELECT 'bytes_' || n, pg_column_size(cache_ext.get_merged_config('crowd1', n)) FROM unnest('{theme,settings}'::text[]) n;

-- The same table as it is and in 16 partitions, attached in turns: a miss of the
-- small document upon a base.
CREATE TABLE bench.plain (scope_type text, scope_id text, config_name text, config jsonb,
                          UNIQUE NULLS NOT DISTINCT (config_name, scope_type, scope_id));
CREATE TABLE bench.parts (LIKE bench.plain, UNIQUE NULLS NOT DISTINCT (config_name, scope_type, scope_id)) PARTITION BY HASH (scope_id);
SELECT format('CREATE TABLE bench.parts_%s PARTITION OF bench.parts FOR VALUES WITH (MODULUS 16, REMAINDER %s)', i, i) FROM generate_series(0, 15) i \gexec
INSERT INTO bench.plain SELECT scope_type, scope_id, config_name, config FROM cache_ext.config_fragments WHERE config_name = 'theme';
INSERT INTO bench.parts SELECT * FROM bench.plain;
VACUUM ANALYZE bench.plain, bench.parts;
CREATE PROCEDURE bench.partitions() LANGUAGE plpgsql AS $$
DECLARE
  source text;
  start timestamptz;
BEGIN
  FOR round IN 0 .. 5 LOOP
    FOREACH source IN ARRAY '{plain,parts}'::text[] LOOP
      PERFORM cache_ext.attach_fragments(format('bench.%I', source));
      COMMIT;
      CALL bench.miss('theme', 'crowd', 1);
      start := clock_timestamp();
      CALL bench.miss('theme', 'crowd', 10000);
      UPDATE measured SET ns = least(ns, extract(epoch FROM clock_timestamp() - start) * 1e9 / 10000)
       WHERE what = source AND round > 0;
      PERFORM cache_ext.detach(format('bench.%I', source));
      COMMIT;
    END LOOP;
  END LOOP;
END
$$;
INSERT INTO measured VALUES ('plain', 'theme', 'crowd'), ('parts', 'theme', 'crowd');
CALL bench.partitions();
SELECT what, ns - (SELECT min(ns) FROM measured WHERE what = 'calls') FROM measured WHERE what IN ('plain', 'parts');
