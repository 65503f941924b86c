-- Attached tables, to which everything is done that can be: a plain one, another
-- to take its place, and a partitioned one.

CREATE SCHEMA stress;
CREATE SCHEMA app;
CREATE SCHEMA elsewhere;

CREATE TABLE app.users (login text PRIMARY KEY, tenant text);
CREATE TABLE app.plain (kind text NOT NULL, owner text, name text NOT NULL, doc jsonb, extra jsonb);
CREATE TABLE app.other (LIKE app.plain);
CREATE TABLE app.parts (LIKE app.plain) PARTITION BY LIST (kind);
CREATE TABLE app.parts_public PARTITION OF app.parts FOR VALUES IN ('public');
CREATE TABLE app.parts_other PARTITION OF app.parts DEFAULT;
INSERT INTO app.users SELECT 'u' || i, 'd' || i % 2 FROM generate_series(1, 6) i;
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['plain', 'other', 'parts'] LOOP
    EXECUTE format('CREATE UNIQUE INDEX ON app.%I (owner, name, kind) NULLS NOT DISTINCT', t);
    EXECUTE format($f$
      INSERT INTO app.%1$I
        SELECT s.kind, s.owner, n.name, jsonb_build_object(s.kind, 0, 'table', %1$L), jsonb_build_object(s.kind, 'extra', 'table', %1$L)
          FROM (SELECT 'public', NULL UNION ALL SELECT 'domain', 'd' || i FROM generate_series(0, 1) i UNION ALL SELECT 'user', 'u' || i FROM generate_series(1, 6) i) s (kind, owner),
               unnest('{n1,n2}'::text[]) n (name)$f$, t);
  END LOOP;
END
$$;

CREATE FUNCTION stress.attach(t text, config text DEFAULT 'doc') RETURNS void LANGUAGE sql AS $$
  SELECT cache_ext.detach(a.relation) FROM cache_ext.attached a WHERE a.part = 'fragments' AND a.relation <> t::regclass;
  SELECT cache_ext.attach_fragments(t::regclass, 'kind', 'owner', 'name', config::name);
$$;
SELECT cache_ext.attach_users('app.users', 'login', 'tenant');

-- What the table that the snapshot sees attached says, whatever its names are by
-- now; the extension's own, where none is attached, are empty.
CREATE FUNCTION stress.merge(u text, n text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  a record;
  result jsonb;
BEGIN
  SELECT x.relation, split_part(x.columns[4]::text, '.', 3) AS config INTO a FROM cache_ext.attached x WHERE x.part = 'fragments';
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  EXECUTE format($f$
    SELECT reference.fold(array_agg(f.%I ORDER BY t.default_rank, t.scope_type) FILTER (WHERE f.%1$I IS NOT NULL))
      FROM %s f JOIN cache_ext.scope_types t ON t.scope_type = f.kind
     WHERE f.name = $2 AND CASE t.keyed_by WHEN 'none' THEN f.owner IS NULL WHEN 'user' THEN f.owner = $1
                             ELSE f.owner = (SELECT w.tenant FROM app.users w WHERE w.login = $1) END $f$, a.config, a.relation) INTO result USING u, n;
  RETURN result;
END
$$;
-- Both under one snapshot.  What replaces rows so that old snapshots do not see
-- them any more needs the tables locked first, as it takes no reader along.
CREATE FUNCTION stress.check(u text, n text, lock_first boolean) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  expected jsonb;
  cached jsonb;
BEGIN
  IF lock_first THEN
    expected := stress.merge(u, n);
  END IF;
  cached := cache_ext.get_merged_config(u, n);
  IF NOT lock_first THEN
    expected := stress.merge(u, n);
  END IF;
  RETURN reference.assert_exact(cached, expected, u, n);
END
$$;
-- A user id with a blank at the end has no row while ids are of type text.  The table
-- is not locked before something looks wrong, because a session that waits for a lock
-- has a snapshot from before the change.  Results are computed by the latest type,
-- which an older snapshot does not see.
CREATE FUNCTION stress.check_blank(u text, n text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  cached jsonb := cache_ext.get_merged_config(u || ' ', n);
  latest regtype;
BEGIN
  IF cached ? 'user' AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = 'app.users'::regclass AND a.attname = 'login' AND a.atttypid = 'text'::regtype) THEN
    EXECUTE 'SELECT pg_typeof(w.login) FROM (SELECT) x LEFT JOIN app.users w ON false' INTO latest;
    RETURN reference.assert_exact(cached, CASE WHEN latest = 'text'::regtype THEN cached - 'user' ELSE cached END, u || ' ', n);
  END IF;
  RETURN true;
END
$$;
CREATE SEQUENCE stress.counter CACHE 1000;
ANALYZE;
