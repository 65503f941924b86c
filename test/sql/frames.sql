-- A transaction that writes and reads.  There is a probe at every point at which a
-- trigger can be, and wherever else a query calls a function.  Each probe compares
-- what the cache gives with what the tables say, in one statement.  Another session
-- then does the same, while the transaction is open and after it was rolled back or
-- committed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dblink;
RESET client_min_messages;
CREATE SCHEMA f;
CREATE SEQUENCE f.probes;
CREATE SEQUENCE f.faults;

-- Tables with a chain of four (roots, tenants, users, fragments), a diamond
-- (tenants, users and fragments), and two circles (a user's boss; a user's pinned
-- fragment and that fragment's user).
CREATE TABLE f.roots (id text PRIMARY KEY);
CREATE TABLE f.tenants (id text PRIMARY KEY, root text REFERENCES f.roots ON UPDATE CASCADE ON DELETE CASCADE);
CREATE TABLE f.users (login text PRIMARY KEY, tenant text REFERENCES f.tenants ON UPDATE CASCADE ON DELETE CASCADE,
                      boss text REFERENCES f.users ON UPDATE CASCADE ON DELETE CASCADE, pinned int, last_login int);
CREATE TABLE f.fragments (id int PRIMARY KEY, kind text NOT NULL, login text REFERENCES f.users ON UPDATE CASCADE ON DELETE CASCADE,
                          tenant text REFERENCES f.tenants ON UPDATE CASCADE ON DELETE CASCADE,
                          owner text GENERATED ALWAYS AS (coalesce(login, tenant)) STORED, name text, doc jsonb, note text,
                          UNIQUE NULLS NOT DISTINCT (owner, name, kind));
ALTER TABLE f.users ADD FOREIGN KEY (pinned) REFERENCES f.fragments ON DELETE CASCADE;
CREATE TABLE f.parts (id int, kind text, login text REFERENCES f.users ON UPDATE CASCADE ON DELETE CASCADE,
                      tenant text REFERENCES f.tenants ON UPDATE CASCADE ON DELETE CASCADE,
                      owner text GENERATED ALWAYS AS (coalesce(login, tenant)) STORED, name text, doc jsonb, note text,
                      UNIQUE NULLS NOT DISTINCT (owner, name, kind)) PARTITION BY LIST (kind);
CREATE TABLE f.parts_public PARTITION OF f.parts FOR VALUES IN ('public');
CREATE TABLE f.parts_user PARTITION OF f.parts FOR VALUES IN ('user');
CREATE TABLE f.parts_rest PARTITION OF f.parts DEFAULT;
CREATE TABLE f.other (i int, command text, late text);

INSERT INTO f.roots VALUES ('r1'), ('r2');
INSERT INTO f.tenants VALUES ('t1', 'r1'), ('t2', 'r2');
INSERT INTO f.users VALUES ('u1', 't1', 'u2', NULL, 0), ('u2', 't1', 'u1', NULL, 0), ('u3', 't2', NULL, NULL, 0);
INSERT INTO f.fragments (id, kind, login, tenant, name, doc)
  SELECT row_number() OVER (), s.kind, s.login, s.tenant, s.name, jsonb_build_object(s.kind, 0, 'both', s.kind)
    FROM (VALUES ('public', NULL, NULL, 'theme'), ('domain', NULL, 't1', 'theme'), ('domain', NULL, 't2', 'theme'), ('user', 'u1', NULL, 'theme'),
                 ('user', 'u3', NULL, 'theme'), ('user', 'u1', NULL, 'menu')) s (kind, login, tenant, name);
INSERT INTO f.parts (id, kind, login, tenant, name, doc) SELECT id, kind, login, tenant, name, doc FROM f.fragments;
UPDATE f.users u SET pinned = (SELECT min(id) FROM f.fragments x WHERE x.login = u.login) WHERE login = 'u1';
SELECT cache_ext.attach_users('f.users', 'login', 'tenant');
-- The extension's own.
DELETE FROM cache_ext.config_definitions;
DELETE FROM cache_ext.users;
INSERT INTO cache_ext.config_definitions VALUES ('theme'), ('menu');
INSERT INTO cache_ext.config_policies SELECT d.config_name, s.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types s;
INSERT INTO cache_ext.users VALUES ('alice', 'acme');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES
  ('public', NULL, 'theme', '{"public": 0, "both": 1}'), ('domain', 'acme', 'theme', '{"domain": 0, "both": 2}'), ('user', 'alice', 'theme', '{"user": 0, "both": 3}'),
  ('public', NULL, 'menu', '{"public": 0}');

-- What the tables say, in whichever mapping there is.  Documents are flat here,
-- so that of equal keys the last one counts.
CREATE VIEW f.rows AS
  SELECT r.kind, r.owner, r.name, r.doc, t.keyed_by, coalesce(r.rank, t.default_rank) AS rank, coalesce(d.merge_strategy, 'deep') AS strategy
    FROM (SELECT kind, owner, name, doc, NULL::int FROM f.fragments WHERE EXISTS (SELECT FROM cache_ext.attached WHERE relation = 'f.fragments'::regclass)
          UNION ALL SELECT kind, owner, name, doc, NULL::int FROM f.parts WHERE EXISTS (SELECT FROM cache_ext.attached WHERE relation = 'f.parts'::regclass)
          UNION ALL SELECT x.scope_type, x.scope_id, x.config_name, x.config, p.rank FROM cache_ext.config_fragments x JOIN cache_ext.config_policies p USING (config_name, scope_type)
                     WHERE NOT EXISTS (SELECT FROM cache_ext.attached WHERE part = 'fragments')) r (kind, owner, name, doc, rank)
    JOIN cache_ext.scope_types t ON t.scope_type = r.kind LEFT JOIN cache_ext.config_definitions d ON d.config_name = r.name;
CREATE VIEW f.members AS
  SELECT login, tenant FROM f.users WHERE EXISTS (SELECT FROM cache_ext.attached WHERE part = 'users')
  UNION ALL SELECT user_id, domain_id FROM cache_ext.users WHERE NOT EXISTS (SELECT FROM cache_ext.attached WHERE part = 'users');
CREATE FUNCTION f.wrong() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    WITH r AS MATERIALIZED (SELECT * FROM f.rows), m AS MATERIALIZED (SELECT * FROM f.members)
    SELECT count(*)
      FROM unnest('{u1,u2,u3,alice,NULL}'::text[]) u, unnest('{theme,menu}'::text[]) n,
           LATERAL (SELECT CASE WHEN max(r.strategy) = 'replace' THEN (array_agg(r.doc ORDER BY r.rank DESC, r.kind COLLATE "C" DESC))[1]
                                ELSE (SELECT jsonb_object_agg(d.key, d.value ORDER BY i) FROM unnest(array_agg(r.doc ORDER BY r.rank, r.kind COLLATE "C")) WITH ORDINALITY o (doc, i), jsonb_each(o.doc) d) END AS doc
                      FROM r
                     WHERE r.name = n AND CASE r.keyed_by WHEN 'none' THEN r.owner IS NULL WHEN 'user' THEN r.owner = u ELSE r.owner = (SELECT m.tenant FROM m WHERE m.login = u) END
                    OFFSET 0) e
     WHERE CASE WHEN u IS NULL THEN cache_ext.get_public_config(n) ELSE cache_ext.get_merged_config(u, n) END IS DISTINCT FROM e.doc
        OR u = 'u1' AND (cache_ext.get_merged_config_json(u, n)::jsonb IS DISTINCT FROM e.doc OR cache_ext.compute_config(u, n) IS DISTINCT FROM e.doc
                         OR cache_ext.get_config_value(u, n, 'both') IS DISTINCT FROM e.doc -> 'both'));
END
$$;

-- Probes: under a snapshot of their own, under the caller's, in another session.
CREATE FUNCTION f.note(place text, wrong bigint) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM nextval('f.probes');
  IF wrong > 0 THEN
    PERFORM nextval('f.faults');
    RAISE WARNING '% wrong at %, of: %', wrong, place, current_setting('f.statement', true);
  END IF;
END
$$;
CREATE FUNCTION f.now(place text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM f.note(place, f.wrong());
  RETURN true;
END
$$;
CREATE FUNCTION f.before(place text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM f.note(place || ', before', f.wrong());
  RETURN true;
END
$$;
SELECT dblink_connect('other', 'dbname=' || quote_ident(current_database()));
CREATE FUNCTION f.elsewhere(place text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM f.note(place || ', elsewhere', (SELECT sum(w)::bigint FROM dblink('other', 'SELECT f.wrong() UNION ALL SELECT count(*) FROM cache_ext.verify()') AS d (w bigint)));
END
$$;

-- Triggers that probe, before and after ours in the order of names, also at commit.
CREATE FUNCTION f.probe() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM f.now(format('%s of %s', TG_NAME, TG_TABLE_NAME));
  RETURN coalesce(NEW, OLD);
END
$$;
CREATE FUNCTION f.probe_before() RETURNS trigger LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM f.before(format('%s of %s', TG_NAME, TG_TABLE_NAME));
  RETURN coalesce(NEW, OLD);
END
$$;
DO $$
DECLARE
  t regclass;
  prefix text;
  timing text;
  level text;
BEGIN
  FOREACH t IN ARRAY '{f.users,f.fragments,f.parts,f.tenants,cache_ext.users,cache_ext.config_fragments,cache_ext.config_policies,cache_ext.config_definitions,cache_ext.scope_types}'::regclass[] LOOP
    FOREACH prefix IN ARRAY '{a,z}'::text[] LOOP
      FOREACH timing IN ARRAY '{BEFORE,AFTER}'::text[] LOOP
        FOREACH level IN ARRAY '{ROW,STATEMENT}'::text[] LOOP
          EXECUTE format('CREATE TRIGGER %I %3$s INSERT OR UPDATE OR DELETE ON %2$s FOR EACH %4$s EXECUTE FUNCTION f.probe()', lower(prefix || '_' || timing || '_' || level), t, timing, level);
        END LOOP;
      END LOOP;
    END LOOP;
    EXECUTE format('CREATE TRIGGER z_stable AFTER UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION f.probe_before()', t);
  END LOOP;
END
$$;
CREATE CONSTRAINT TRIGGER deferred_probe AFTER INSERT OR UPDATE OR DELETE ON f.fragments DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f.probe();
-- Rows that end a statement in the middle.
CREATE FUNCTION f.fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'bomb';
END
$$;
CREATE TRIGGER b_fuse BEFORE UPDATE ON f.fragments FOR EACH ROW WHEN (NEW.note = 'fuse') EXECUTE FUNCTION f.fail();
CREATE TRIGGER b_bomb AFTER UPDATE ON f.fragments FOR EACH ROW WHEN (NEW.note = 'bomb') EXECUTE FUNCTION f.fail();
CREATE TRIGGER y_bomb AFTER UPDATE ON f.fragments FOR EACH ROW WHEN (NEW.note = 'late bomb') EXECUTE FUNCTION f.fail();
-- A table that is no source, of which triggers do what its rows say.
CREATE FUNCTION f.obey() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE CASE TG_NAME WHEN 'late' THEN NEW.late ELSE NEW.command END;
  PERFORM f.now(TG_NAME || ' of ' || TG_TABLE_NAME);
  RETURN NEW;
END
$$;
CREATE TRIGGER obey_before BEFORE INSERT ON f.other FOR EACH ROW WHEN (NEW.i = 1 AND NEW.command IS NOT NULL) EXECUTE FUNCTION f.obey();
CREATE TRIGGER obey_after AFTER INSERT ON f.other FOR EACH ROW WHEN (NEW.i = 2 AND NEW.command IS NOT NULL) EXECUTE FUNCTION f.obey();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON f.other DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.late IS NOT NULL) EXECUTE FUNCTION f.obey();
CREATE FUNCTION f.write(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN f.now('write()');
END
$$;
-- Rules and views.
CREATE VIEW f.plain_view AS SELECT * FROM f.fragments;
CREATE VIEW f.rule_view AS SELECT * FROM f.fragments;
CREATE RULE r AS ON UPDATE TO f.rule_view DO INSTEAD (
  UPDATE f.fragments SET doc = NEW.doc WHERE id = OLD.id;
  UPDATE f.users SET last_login = 1 WHERE f.now('between the queries of a rule');
  UPDATE f.users SET tenant = 't2' WHERE login = OLD.login AND f.now('in a rule'));
CREATE VIEW f.trigger_view AS SELECT * FROM f.fragments;
CREATE FUNCTION f.instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE f.fragments SET doc = NEW.doc WHERE id = OLD.id;
  PERFORM f.now('instead of');
  RETURN NEW;
END
$$;
CREATE TRIGGER i INSTEAD OF UPDATE ON f.trigger_view FOR EACH ROW EXECUTE FUNCTION f.instead();

-- What is written.  "parts" stands for either table of fragments.
CREATE TABLE f.cases (id serial, mapping text, statement text);
INSERT INTO f.cases (mapping, statement) VALUES
  ('parts', $s$UPDATE f.parts SET doc = '{"public": 1}' WHERE kind = 'public'$s$),
  ('parts', $s$UPDATE f.parts SET doc = doc || '{"x": 1}'$s$),
  ('parts', $s$UPDATE f.parts SET doc = '{"user": 1}' WHERE login = 'u1'$s$),
  ('parts', $s$UPDATE f.parts SET note = 'unread'$s$),
  ('parts', $s$UPDATE f.parts SET doc = '{}' WHERE false$s$),
  ('parts', $s$UPDATE f.parts SET kind = 'other' WHERE kind = 'domain'$s$),
  ('parts', $s$UPDATE f.parts SET kind = 'domain', login = NULL, tenant = 't9', name = 'x' WHERE login = 'u1' AND name = 'menu' AND f.before('where') AND f.now('where') AND f.write($w$INSERT INTO f.tenants VALUES ('t9') ON CONFLICT DO NOTHING$w$)$s$),
  ('parts', $s$DELETE FROM f.parts WHERE kind <> 'domain'$s$),
  ('parts', $s$INSERT INTO f.parts (id, kind, login, name, doc) VALUES (90, 'user', 'u2', 'theme', '{"user": 2}'), (91, 'user', 'u2', 'menu', '{"user": 2}')$s$),
  ('parts', $s$INSERT INTO f.parts (id, kind, login, name, doc) SELECT 90 + i, 'user', 'u2', (ARRAY['theme', 'menu'])[i], '{"user": 2}' FROM generate_series(1, 2) i WHERE f.now('select') ON CONFLICT DO NOTHING$s$),
  ('parts', $s$INSERT INTO f.parts (id, kind, login, name, doc) SELECT 90 + i, 'user', 'u' || i, 'theme', '{"user": 3}' FROM generate_series(1, 3) i ON CONFLICT (owner, name, kind) DO UPDATE SET doc = EXCLUDED.doc WHERE f.now('conflict')$s$),
  ('parts', $s$MERGE INTO f.parts p USING (SELECT 'u' || i AS login FROM generate_series(1, 3) i) s ON p.login = s.login AND p.name = 'theme'
      WHEN MATCHED AND s.login = 'u1' AND f.now('merge') THEN UPDATE SET doc = '{"user": 4}' WHEN MATCHED THEN DELETE
      WHEN NOT MATCHED THEN INSERT (id, kind, login, name, doc) VALUES (92, 'user', s.login, 'theme', '{"user": 4}')$s$),
  ('parts', $s$UPDATE f.parts SET doc = '{"public": 5}' WHERE kind = 'public' RETURNING f.now('returning'), f.before('returning'), cache_ext.get_merged_config('u1', 'theme')$s$),
  ('parts', $s$WITH a AS (UPDATE f.parts SET doc = '{"public": 6}' WHERE kind = 'public' RETURNING f.now('in a CTE') AS ok), b AS (DELETE FROM f.parts WHERE kind = 'user' RETURNING f.before('in a CTE') AS ok),
      c AS (UPDATE f.users SET tenant = 't2' WHERE login = 'u1' RETURNING login) SELECT f.now('main'), f.before('main') FROM a, b, c$s$),
  ('parts', $s$WITH a AS (INSERT INTO f.parts (id, kind, login, name, doc) VALUES (93, 'user', 'u2', 'theme', '{"user": 7}') RETURNING login) UPDATE f.users u SET tenant = NULL FROM a WHERE u.login = a.login RETURNING f.now('main')$s$),
  ('parts', $s$COPY f.parts (id, kind, login, name, doc) FROM PROGRAM 'printf "94 user u2 theme {\"user\":8}\n95 user u2 menu {\"user\":8}\n"' WITH (DELIMITER ' ')$s$),
  ('parts', $s$COPY (UPDATE f.parts SET doc = '{"public": 9}' WHERE kind = 'public' RETURNING f.now('copy to')) TO PROGRAM 'cat >/dev/null'$s$),
  ('parts', $s$CREATE TEMP TABLE made ON COMMIT DROP AS WITH a AS (UPDATE f.parts SET doc = '{"public": 10}' WHERE kind = 'public' RETURNING 1) SELECT f.now('create table as') AS ok FROM a$s$),
  ('parts', $s$EXPLAIN (ANALYZE, COSTS OFF) UPDATE f.parts SET doc = '{"public": 11}' WHERE kind = 'public' RETURNING f.now('explain analyze')$s$),
  ('parts', $s$EXPLAIN UPDATE f.parts SET doc = '{"public": 12}' WHERE kind = 'public'$s$),
  ('parts', $s$PREPARE p AS UPDATE f.parts SET doc = '{"public": 13}' WHERE kind = $1 RETURNING f.now('execute'); EXECUTE p('public'); DEALLOCATE p$s$),
  ('parts', $s$SELECT f.write($w$UPDATE f.parts SET doc = '{"public": 14}' WHERE kind = 'public'$w$), f.now('between'), f.before('between'), f.write($w$UPDATE f.parts SET doc = '{"user": 14}' WHERE login = 'u1'$w$), f.now('end'), f.before('end')$s$),
  ('parts', $s$UPDATE f.parts SET doc = doc || '{"y": 1}' WHERE kind = 'public' AND f.write($w$UPDATE f.parts SET doc = '{"user": 15}' WHERE login = 'u1'$w$)$s$),
  ('parts', $s$INSERT INTO f.other VALUES (1, $w$UPDATE f.parts SET doc = '{"public": 16}' WHERE kind = 'public'$w$), (2, $w$UPDATE f.parts SET doc = '{"user": 16}' WHERE login = 'u1'$w$)$s$),
  ('parts', $s$INSERT INTO f.other VALUES (1, NULL, $w$UPDATE f.parts SET doc = '{"public": 17}' WHERE kind = 'public'$w$), (1, NULL, $w$DELETE FROM f.users WHERE login = 'u1'$w$)$s$),
  ('parts', $s$INSERT INTO f.other VALUES (1, NULL, $w$UPDATE f.parts SET doc = '{"public": 18}' WHERE kind = 'public'$w$); SET CONSTRAINTS ALL IMMEDIATE; SELECT f.now('set constraints'); UPDATE f.parts SET doc = '{"user": 18}' WHERE login = 'u1'$s$),
  ('parts', $s$DO $d$ DECLARE r record; BEGIN
      FOR r IN UPDATE f.parts SET doc = '{"public": 19}' WHERE kind <> 'domain' RETURNING f.now('for') AS ok, login LOOP
        PERFORM f.now('in the loop'); UPDATE f.users SET tenant = 't2' WHERE login = 'u1'; PERFORM f.now('in the loop, written'); EXIT WHEN r.login = 'u1';
      END LOOP; PERFORM f.now('after the loop'); END $d$$s$),
  ('parts', $s$DO $d$ DECLARE c refcursor; r record; BEGIN
      OPEN c FOR INSERT INTO f.parts (id, kind, login, name, doc) SELECT 96 + i, 'user', 'u2', (ARRAY['theme', 'menu'])[i], '{"user": 20}' FROM generate_series(1, 2) i RETURNING f.now('cursor');
      PERFORM f.now('open'); FETCH c INTO r; PERFORM f.now('fetched'); UPDATE f.parts SET doc = '{"public": 20}' WHERE kind = 'public'; PERFORM f.now('between fetches'); FETCH c INTO r; CLOSE c; PERFORM f.now('closed');
    END $d$$s$),
  ('parts', $s$DO $d$ DECLARE c refcursor; r record; BEGIN
      OPEN c FOR SELECT f.before('old cursor') FROM generate_series(1, 3); FETCH c INTO r; UPDATE f.parts SET doc = '{"public": 21}' WHERE kind = 'public'; FETCH c INTO r;
      DELETE FROM f.users WHERE login = 'u1'; PERFORM f.now('new'); FETCH c INTO r; END $d$$s$),
  ('parts', $s$DO $d$ BEGIN
      BEGIN UPDATE f.parts SET doc = '{"public": 22}' WHERE kind = 'public'; PERFORM f.now('to be lost'); RAISE EXCEPTION 'caught'; EXCEPTION WHEN raise_exception THEN PERFORM f.now('handler'); END;
      PERFORM f.now('caught'); UPDATE f.parts SET doc = '{"user": 22}' WHERE login = 'u1'; PERFORM f.now('written');
      BEGIN DELETE FROM f.roots; PERFORM f.now('deleted'); RAISE EXCEPTION 'caught'; EXCEPTION WHEN raise_exception THEN PERFORM f.now('handler'); END; END $d$$s$),
  ('parts', $s$DO $d$ BEGIN
      BEGIN UPDATE f.parts SET doc = '{"public": 23}' WHERE kind = 'public' AND f.write($w$UPDATE f.users SET tenant = 't2' WHERE login = 'u1'$w$) RETURNING 1 / (id - id); EXCEPTION WHEN division_by_zero THEN PERFORM f.now('handler'); END;
      PERFORM f.now('caught'); END $d$$s$),
  ('parts', $s$INSERT INTO f.other VALUES (1, $w$DO $d$ BEGIN UPDATE f.parts SET doc = '{"public": 24}'; RAISE EXCEPTION 'caught'; EXCEPTION WHEN OTHERS THEN PERFORM f.now('handler'); END $d$$w$), (2, $w$DO $d$ BEGIN DELETE FROM f.parts; RAISE EXCEPTION 'caught'; EXCEPTION WHEN OTHERS THEN PERFORM f.now('handler'); END $d$$w$)$s$),
  ('parts', $s$SET LOCAL session_replication_role = replica; UPDATE f.parts SET doc = '{"public": 25}' WHERE kind = 'public' RETURNING f.now('replica'); DELETE FROM f.users WHERE login = 'u3' RETURNING f.now('replica')$s$),
  ('parts', $s$TRUNCATE f.parts; SELECT f.now('truncated'); INSERT INTO f.parts (id, kind, name, doc) VALUES (97, 'public', 'theme', '{"public": 26}')$s$),
  ('parts', $s$UPDATE f.users SET last_login = last_login + 1 RETURNING f.now('returning')$s$),
  ('parts', $s$UPDATE f.users SET tenant = 't2' WHERE login = 'u1'$s$),
  ('parts', $s$UPDATE f.users SET login = 'u9' WHERE login = 'u1'; UPDATE f.users SET login = 'u1' WHERE login = 'u9'; UPDATE f.users SET login = 'u9' WHERE login = 'u1'$s$),
  ('parts', $s$DELETE FROM f.users WHERE login = 'u1'$s$),
  ('parts', $s$DELETE FROM f.users$s$),
  ('parts', $s$INSERT INTO f.users VALUES ('alice', 't1'); DELETE FROM f.users WHERE login = 'u3'$s$),
  ('parts', $s$UPDATE f.tenants SET id = 't3' WHERE id = 't1'$s$),
  ('parts', $s$UPDATE f.tenants SET id = id || 'x'$s$),
  ('parts', $s$DELETE FROM f.tenants WHERE id = 't1' RETURNING f.now('returning')$s$),
  ('parts', $s$DELETE FROM f.roots WHERE id = 'r1' RETURNING f.now('returning')$s$),
  ('parts', $s$DELETE FROM f.roots$s$),
  ('parts', $s$WITH a AS (DELETE FROM f.tenants WHERE id = 't2' RETURNING f.now('CTE')), b AS (UPDATE f.users SET boss = NULL WHERE login = 'u1' RETURNING f.now('CTE')) SELECT f.now('main') FROM a, b$s$),
  ('parts', $s$UPDATE cache_ext.scope_types SET default_rank = 1000 - default_rank RETURNING f.now('returning'), f.before('returning')$s$),
  ('parts', $s$DO $d$ DECLARE c refcursor; r record; BEGIN
      OPEN c FOR SELECT f.before('old cursor') FROM generate_series(1, 3); FETCH c INTO r; UPDATE cache_ext.scope_types SET default_rank = 1000 - default_rank; FETCH c INTO r; PERFORM f.now('new'); FETCH c INTO r; END $d$$s$),
  ('parts', $s$DO $d$ BEGIN
      UPDATE cache_ext.scope_types SET default_rank = 1000 - default_rank RETURNING 1 / (default_rank - 700); EXCEPTION WHEN division_by_zero THEN PERFORM f.now('handler'); END $d$$s$),
  ('parts', $s$DO $d$ BEGIN
      UPDATE f.parts SET doc = '{"public": 27}' WHERE kind = 'public' AND f.write($w$UPDATE cache_ext.scope_types SET default_rank = 1000 - default_rank$w$) RETURNING 1 / (id - id); EXCEPTION WHEN division_by_zero THEN PERFORM f.now('handler'); END $d$$s$),
  ('parts', $s$UPDATE cache_ext.config_policies SET rank = 1 WHERE config_name = 'theme' AND scope_type = 'user'; DELETE FROM cache_ext.config_policies WHERE config_name = 'theme' AND scope_type = 'domain' RETURNING f.now('returning')$s$),
  ('parts', $s$DELETE FROM cache_ext.config_definitions WHERE config_name = 'menu' RETURNING f.now('returning')$s$),
  ('parts', $s$SELECT cache_ext.invalidate_user('u1'); SELECT f.now('by hand'); SELECT cache_ext.invalidate_domain('t2'); SELECT f.now('by hand'); SELECT cache_ext.invalidate_name('menu')$s$),
  ('parts', $s$UPDATE f.parts SET doc = '{"user": 28}' WHERE login = 'u1'; SELECT cache_ext.invalidate_all(); SELECT f.now('by hand')$s$),
  ('parts', $s$UPDATE f.parts SET doc = '{"user": 29}' WHERE login = 'u1'; SELECT cache_ext.detach('f.users'); SELECT f.now('detached'); UPDATE f.users SET tenant = 't2' WHERE login = 'u1'$s$),
  ('fragments', $s$DELETE FROM f.fragments WHERE login = 'u1' AND name = 'theme'$s$),
  ('fragments', $s$UPDATE f.plain_view SET doc = '{"public": 30}' WHERE kind = 'public' RETURNING f.now('view')$s$),
  ('fragments', $s$UPDATE f.rule_view SET doc = '{"z": 31}' WHERE login = 'u1'$s$),
  ('fragments', $s$UPDATE f.trigger_view SET doc = '{"z": 32}' WHERE kind = 'public' OR login = 'u1'$s$),
  ('fragments', $s$DO $d$ BEGIN UPDATE f.fragments SET doc = '{"q": 33}', note = CASE WHEN kind = 'domain' THEN 'fuse' END; EXCEPTION WHEN raise_exception THEN PERFORM f.now('handler'); END $d$; SELECT f.now('caught'); UPDATE f.users SET tenant = 't2' WHERE login = 'u1'$s$),
  ('fragments', $s$DO $d$ BEGIN UPDATE f.fragments SET doc = '{"q": 34}', note = CASE WHEN login = 'u1' THEN 'bomb' END; EXCEPTION WHEN raise_exception THEN PERFORM f.now('handler'); END $d$; SELECT f.now('caught'); UPDATE f.users SET tenant = 't2' WHERE login = 'u1'$s$),
  ('fragments', $s$DO $d$ BEGIN UPDATE f.fragments SET doc = '{"q": 35}', note = CASE WHEN login = 'u1' THEN 'late bomb' END; EXCEPTION WHEN raise_exception THEN PERFORM f.now('handler'); END $d$; SELECT f.now('caught'); UPDATE f.users SET tenant = 't2' WHERE login = 'u1'$s$),
  ('fragments', $s$INSERT INTO f.other VALUES (2, $w$DO $d$ BEGIN UPDATE f.fragments SET doc = '{"q": 36}', note = CASE WHEN login = 'u1' THEN 'bomb' END; EXCEPTION WHEN raise_exception THEN PERFORM f.now('handler'); END $d$$w$)$s$),
  ('own', $s$UPDATE cache_ext.config_fragments SET config = '{"own": 1}' WHERE scope_type = 'public'$s$),
  ('own', $s$UPDATE cache_ext.config_fragments SET config = '{"own": 2}' WHERE scope_id = 'alice' RETURNING f.now('returning'), f.before('returning')$s$),
  ('own', $s$DELETE FROM cache_ext.config_policies WHERE config_name = 'theme'$s$),
  ('own', $s$UPDATE cache_ext.config_definitions SET config_name = 'menu2' WHERE config_name = 'menu'; UPDATE cache_ext.config_definitions SET config_name = 'menu', merge_strategy = 'replace' WHERE config_name = 'menu2'; UPDATE cache_ext.config_definitions SET merge_strategy = 'replace' RETURNING f.now('returning')$s$),
  ('own', $s$DELETE FROM cache_ext.config_definitions$s$),
  ('own', $s$UPDATE cache_ext.scope_types SET default_rank = 1000 - default_rank RETURNING f.now('returning'), f.before('returning')$s$),
  ('own', $s$COPY cache_ext.config_fragments (scope_type, scope_id, config_name, config) FROM PROGRAM 'printf "user u1 theme {\"own\":3}\nuser u1 menu {\"own\":3}\n"' WITH (DELIMITER ' ')$s$),
  ('own', $s$SELECT cache_ext.attach_fragments('f.fragments', 'kind', 'owner', 'name', 'doc'); UPDATE f.fragments SET doc = '{"own": 4}' WHERE kind = 'public' RETURNING f.now('attached')$s$);
INSERT INTO f.cases (mapping, statement) SELECT 'fragments', replace(statement, 'f.parts', 'f.fragments') FROM f.cases WHERE mapping = 'parts' AND statement NOT LIKE '%TRUNCATE%';

-- All tables as they are now, to be put back, past foreign keys and probes.
CREATE FUNCTION f.tables() RETURNS regclass[] IMMUTABLE LANGUAGE sql AS $$
  SELECT '{f.roots,f.tenants,f.users,f.fragments,f.parts,f.other,cache_ext.users,cache_ext.scope_types,cache_ext.config_definitions,cache_ext.config_policies,cache_ext.config_fragments}'::regclass[]
$$;
CREATE FUNCTION f.columns(t regclass) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = t AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
$$;
DO $$
DECLARE
  t regclass;
BEGIN
  FOREACH t IN ARRAY f.tables() LOOP
    EXECUTE format('CREATE TABLE f.%I AS SELECT %s FROM %s', 'saved ' || t, f.columns(t), t);
  END LOOP;
END
$$;
CREATE FUNCTION f.put_back(mapping text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  t regclass;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOREACH t IN ARRAY f.tables() LOOP
    EXECUTE format('DELETE FROM %s', t);
    EXECUTE format('INSERT INTO %s (%s) SELECT * FROM f.%I', t, f.columns(t), 'saved ' || t);
  END LOOP;
  PERFORM cache_ext.detach(a.relation) FROM cache_ext.attached a WHERE a.part = 'fragments' AND a.relation IS DISTINCT FROM to_regclass('f.' || mapping) OR a.part = 'users' AND mapping = 'own';
  IF mapping <> 'own' THEN
    PERFORM cache_ext.attach_fragments(('f.' || mapping)::regclass, 'kind', 'owner', 'name', 'doc');
    PERFORM cache_ext.attach_users('f.users', 'login', 'tenant');
  END IF;
END
$$;

-- Each statement rolled back, committed, or rolled back with a subtransaction.
CREATE PROCEDURE f.run(which text) LANGUAGE plpgsql AS $$
DECLARE
  c record;
  ending text;
BEGIN
  FOR c IN SELECT * FROM f.cases WHERE mapping = which ORDER BY id LOOP
    FOREACH ending IN ARRAY CASE which WHEN 'fragments' THEN '{caught,commit}'::text[] WHEN 'parts' THEN '{rollback}' ELSE '{caught,rollback,commit}' END LOOP
      PERFORM f.put_back(which);
      COMMIT;
      PERFORM set_config('f.statement', format('%s (%s) %s', c.statement, which, ending), false);
      PERFORM f.now('warm'), f.elsewhere('warm');
      IF ending = 'caught' THEN
        BEGIN
          EXECUTE c.statement;
          PERFORM f.now('written');
          RAISE EXCEPTION 'caught';
        EXCEPTION WHEN raise_exception THEN
          PERFORM f.now('after the subtransaction');
        END;
        PERFORM f.elsewhere('after the subtransaction');
        COMMIT;
      ELSE
        EXECUTE c.statement;
        PERFORM f.now('written');
        IF c.statement !~ 'TRUNCATE|attach|detach' THEN
          PERFORM f.elsewhere('open');
        END IF;
        PERFORM f.now('still open');
        IF ending = 'commit' THEN
          COMMIT;
        ELSE
          ROLLBACK;
        END IF;
      END IF;
      PERFORM f.elsewhere('end');
      PERFORM f.now('end');
      COMMIT;
    END LOOP;
  END LOOP;
END
$$;
SET client_min_messages = warning;
CALL f.run('fragments');
CALL f.run('parts');
CALL f.run('own');
SELECT last_value > 5000 AS probed FROM f.probes;
SELECT is_called AS faults FROM f.faults;

-- COMMIT and ROLLBACK inside a block, between queries that write.
SELECT f.put_back('fragments');
DO $$
BEGIN
  UPDATE f.fragments SET doc = '{"public": 1}' WHERE kind = 'public' AND f.now('first');
  PERFORM f.now('written');
  COMMIT;
  PERFORM f.now('committed'), f.elsewhere('committed');
  UPDATE f.fragments SET doc = '{"user": 1}' WHERE login = 'u1';
  PERFORM f.now('written again');
  ROLLBACK;
  PERFORM f.now('rolled back'), f.elsewhere('rolled back');
  FOR i IN 1..3 LOOP
    UPDATE f.users SET tenant = 't' || i WHERE login = 'u3' AND i < 3;
    PERFORM f.now('in a loop');
    COMMIT;
    PERFORM f.elsewhere('in a loop');
  END LOOP;
END
$$;
SELECT is_called AS faults FROM f.faults;

-- What a transaction's own writes cost its reads: where most of the reads of many
-- users come from.  Only most, and those written have no slot that all share:
-- which slices share slots differs from run to run.
DROP TRIGGER deferred_probe ON f.fragments;
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT tgname, tgrelid::regclass AS rel FROM pg_trigger WHERE tgfoid IN ('f.probe'::regproc, 'f.probe_before'::regproc) AND tgparentid = 0 LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.rel);
  END LOOP;
END
$$;
INSERT INTO f.users (login, tenant) SELECT 'c' || i, 't1' FROM generate_series(1, 100) i;
CREATE TABLE f.shared AS
  SELECT (cache_ext.slot_of(kind, 't1', 'theme')).slot FROM unnest('{everything,name,domain,domain_name}'::text[]) kind;
CREATE TABLE f.written AS
  SELECT 'c' || i AS login FROM generate_series(1, 20) i
   WHERE NOT EXISTS (SELECT FROM (VALUES ('user', NULL), ('user_name', 'theme'), ('user_name', 'menu')) slice (kind, name), f.shared s WHERE s.slot = (cache_ext.slot_of(slice.kind, 'c' || i, slice.name)).slot) LIMIT 10;
INSERT INTO f.fragments (id, kind, login, name, doc) SELECT 1000 + row_number() OVER (), 'user', login, 'theme', '{"user": 1}' FROM f.written;
CREATE FUNCTION f.sources_of_reads(logins text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  names text[] := '{hits,fills,read_through_under_way,read_through_own_change,read_through_unsettled,read_through_suspended}';
  before jsonb;
BEGIN
  SELECT jsonb_object_agg(name, value) INTO before FROM cache_ext.stats WHERE name = ANY (names);
  PERFORM cache_ext.get_merged_config(login, 'theme') FROM unnest(logins) login;
  RETURN (SELECT coalesce(string_agg(name, ' '), 'mixed') FROM cache_ext.stats WHERE name = ANY (names) AND value - (before ->> name)::numeric > 0.9 * cardinality(logins));
END
$$;
CREATE FUNCTION f.reads(OUT of_written text, OUT of_others text) LANGUAGE sql VOLATILE AS $$
  SELECT f.sources_of_reads(ARRAY(SELECT login FROM f.written)), f.sources_of_reads(ARRAY(SELECT 'c' || i FROM generate_series(21, 100) i))
$$;
SELECT * FROM f.reads();
SELECT * FROM f.reads();
-- A column that no merge reads, rows that are not there, what was rolled back.
BEGIN;
UPDATE f.users SET last_login = 1;
SELECT * FROM f.reads();
UPDATE f.fragments SET note = 'x';
UPDATE f.fragments SET doc = '{}' WHERE false;
DELETE FROM f.users WHERE login = 'nobody';
SELECT * FROM f.reads();
DO $$
BEGIN
  UPDATE f.fragments SET doc = '{}' WHERE login IN (SELECT login FROM f.written) RETURNING 1 / (id - id);
EXCEPTION WHEN division_by_zero THEN
  RAISE WARNING '%', f.reads();
END
$$;
SELECT * FROM f.reads();
COMMIT;
-- Others' fragments, however they are written.
BEGIN;
UPDATE f.fragments SET doc = doc || '{"x": 1}' WHERE login IN (SELECT login FROM f.written);
SELECT * FROM f.reads();
UPDATE f.users SET last_login = 1 WHERE login = 'c21' RETURNING f.reads();
SELECT * FROM f.reads();
ROLLBACK;
SELECT * FROM f.reads();
SELECT format($$COPY f.fragments (id, kind, login, name, doc) FROM PROGRAM 'printf "%s"' WITH (DELIMITER ' ')$$,
              string_agg(format('%s user %s menu {\"user\":8}\n', 2000 + substr(login, 2)::int, login), '')) AS copy FROM f.written \gset
BEGIN;
:copy;
SELECT of_others FROM f.reads();
ROLLBACK;
BEGIN;
UPDATE f.users SET tenant = 't2' WHERE login IN (SELECT login FROM f.written);
SELECT * FROM f.reads();
-- What is not affected is stored, for all.
SELECT count(cache_ext.get_merged_config('new' || i, 'theme')) AS filled FROM generate_series(1, 20) i;
SELECT hits > 15 AS stored
  FROM dblink('other', $$SELECT sum((counted = 'hits=1')::int) FROM generate_series(1, 20) i, t.count(format('SELECT cache_ext.get_merged_config(''new%s'', ''theme'')', i))$$) AS d (hits int);
ROLLBACK;
-- For everybody.
BEGIN;
UPDATE f.fragments SET doc = '{"public": 2}' WHERE kind = 'public';
SELECT * FROM f.reads();
ROLLBACK;
SELECT * FROM f.reads();
-- More than a transaction remembers.
BEGIN;
INSERT INTO f.users (login) SELECT 'd' || i FROM generate_series(1, 5000) i;
SELECT * FROM f.reads();
ROLLBACK;
-- By hand, and what rows do not tell.
BEGIN;
SELECT count(cache_ext.invalidate_user(login)) FROM f.written;
SELECT * FROM f.reads();
SELECT cache_ext.invalidate_all();
SELECT * FROM f.reads();
ROLLBACK;
BEGIN;
TRUNCATE f.other;
SELECT * FROM f.reads();
TRUNCATE f.fragments CASCADE;
SELECT * FROM f.reads();
ROLLBACK;
BEGIN;
ALTER TABLE f.fragments ALTER note SET DEFAULT 'x';
SELECT * FROM f.reads();
ROLLBACK;

-- read_state says which.
SELECT login AS w FROM f.written LIMIT 1 \gset
SELECT cache_ext.read_state(:'w', 'theme');
BEGIN;
UPDATE f.users SET last_login = 3 WHERE login = :'w' RETURNING cache_ext.read_state(:'w', 'theme');
SELECT cache_ext.read_state(:'w', 'theme');
UPDATE f.fragments SET doc = '{}' WHERE login = :'w';
SELECT cache_ext.read_state(:'w', 'theme');
SELECT valid FROM cache_ext.entries_of(:'w', 'theme') WHERE kind = 'jsonb';
SELECT count(*) FROM cache_ext.verify();
ROLLBACK;
BEGIN;
-- Of the domain, which only what is cached tells.
UPDATE f.fragments SET doc = '{"domain": 2}' WHERE tenant = 't1';
SELECT cache_ext.read_state(:'w', 'theme');
SELECT cache_ext.invalidate_all();
SELECT cache_ext.read_state(:'w', 'theme');
ROLLBACK;

-- A trigger of ours that can be deferred is none: rows would be told of too late.
DROP TRIGGER cache_ext_row ON f.fragments;
CREATE CONSTRAINT TRIGGER cache_ext_row AFTER INSERT OR UPDATE OR DELETE ON f.fragments DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row();
ALTER TABLE f.fragments ENABLE ALWAYS TRIGGER cache_ext_row;
SELECT suspended, reason FROM cache_ext.sources WHERE part = 'fragments';
SELECT cache_ext.attach_fragments('f.fragments', 'kind', 'owner', 'name', 'doc');
SELECT suspended, reason FROM cache_ext.sources WHERE part = 'fragments';

SELECT dblink_disconnect('other');
SELECT f.put_back('own');
SET client_min_messages = error;
DROP SCHEMA f CASCADE;
