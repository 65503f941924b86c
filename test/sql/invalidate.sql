-- A write invalidates exactly what it touched.
CREATE FUNCTION t.warm() RETURNS void LANGUAGE sql AS $$
  SELECT count(cache_ext.get_merged_config(u, n)) FROM unnest('{alice,bob,carol,dave}'::text[]) u, unnest('{theme,menu}'::text[]) n;
  SELECT count(cache_ext.get_public_config(n)) FROM unnest('{theme,menu}'::text[]) n;
$$;
-- Runs a statement in another session; then which reads miss, and whether all
-- are exact.  Those that miss because a slot is shared do not count.  Commits in
-- between, to hold no locks that the other one needs.
CREATE EXTENSION dblink;
CREATE FUNCTION t.elsewhere(statement text) RETURNS text LANGUAGE sql AS $$
  SELECT public.dblink_exec('dbname=' || quote_ident(current_database()), statement)
$$;
CREATE PROCEDURE t.after(statement text) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  c record;
  before xid8;
  missed text := '';
  is_exact boolean := true;
BEGIN
  PERFORM t.warm();
  before := t.last_change();
  COMMIT;
  PERFORM t.elsewhere(statement);
  COMMIT;
  FOR r IN SELECT u, n FROM unnest('{alice,bob,carol,dave}'::text[]) u, unnest('{theme,menu}'::text[]) n LOOP
    SELECT * INTO c FROM t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', r.u, r.n));
    IF c.counted <> 'hits=1' AND NOT t.is_unlucky(r.u, r.n, before) THEN missed := missed || format(' %s/%s', r.u, r.n); END IF;
    is_exact := is_exact AND c.result::jsonb IS NOT DISTINCT FROM reference.merge(r.u, r.n);
  END LOOP;
  FOR r IN SELECT n FROM unnest('{theme,menu}'::text[]) n LOOP
    SELECT * INTO c FROM t.count(format('SELECT cache_ext.get_public_config(%L)', r.n));
    IF c.counted <> 'hits=1' AND NOT t.is_unlucky(NULL, r.n, before) THEN missed := missed || format(' public/%s', r.n); END IF;
    is_exact := is_exact AND c.result::jsonb IS NOT DISTINCT FROM reference.merge(NULL, r.n);
  END LOOP;
  RAISE NOTICE 'exact: %, missed:%', is_exact, missed;
END
$$;

CALL t.after('DO $x$ BEGIN END $x$');
CALL t.after($$UPDATE cache_ext.config_fragments SET config = '{"color": "pink"}' WHERE scope_type = 'user' AND scope_id = 'alice'$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET config = '{"logo": "new.svg"}' WHERE scope_type = 'domain' AND scope_id = 'acme'$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET config = '{"color": "green"}' WHERE scope_type = 'public' AND config_name = 'theme'$$);
CALL t.after($$INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('domain', 'umbrella', 'menu', '["u"]')$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET scope_id = 'dave', scope_type = 'user' WHERE scope_id = 'umbrella'$$);
CALL t.after($$DELETE FROM cache_ext.config_fragments WHERE scope_id = 'dave'$$);
-- A row that moves by one column of its key is gone where it was.
INSERT INTO cache_ext.config_definitions VALUES ('theme2');
INSERT INTO cache_ext.config_policies VALUES ('theme2', 'user');
CALL t.after($$UPDATE cache_ext.config_fragments SET config_name = 'menu' WHERE scope_type = 'domain' AND scope_id = 'acme' AND config_name = 'theme'$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET config_name = 'theme' WHERE scope_type = 'domain' AND scope_id = 'acme' AND config_name = 'menu'$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET config_name = 'theme2' WHERE scope_type = 'user' AND scope_id = 'alice' AND config_name = 'theme'$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET config_name = 'theme' WHERE config_name = 'theme2'$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET scope_id = 'umbrella' WHERE scope_type = 'domain' AND scope_id = 'acme' AND config_name = 'theme'$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET scope_id = 'acme' WHERE scope_type = 'domain' AND scope_id = 'umbrella' AND config_name = 'theme'$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET scope_type = 'user' WHERE scope_type = 'domain' AND scope_id = 'acme' AND config_name = 'theme'$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET scope_type = 'domain' WHERE scope_type = 'user' AND scope_id = 'acme' AND config_name = 'theme'$$);
CALL t.after($$UPDATE cache_ext.config_policies SET config_name = 'theme2' WHERE config_name = 'theme' AND scope_type = 'public'$$);
CALL t.after($$UPDATE cache_ext.config_policies SET config_name = 'theme' WHERE config_name = 'theme2' AND scope_type = 'public'$$);
CALL t.after($$UPDATE cache_ext.users SET user_id = 'dave2' WHERE user_id = 'dave'; UPDATE cache_ext.users SET user_id = 'dave' WHERE user_id = 'alice'$$);
CALL t.after($$UPDATE cache_ext.users SET user_id = 'alice' WHERE user_id = 'dave'; UPDATE cache_ext.users SET user_id = 'dave' WHERE user_id = 'dave2'$$);
DELETE FROM cache_ext.config_definitions WHERE config_name = 'theme2';
-- Users: the row, wherever the user moves.
CALL t.after($$UPDATE cache_ext.users SET domain_id = 'umbrella' WHERE user_id = 'bob'$$);
CALL t.after($$UPDATE cache_ext.users SET domain_id = 'acme' WHERE user_id = 'bob'$$);
CALL t.after($$DELETE FROM cache_ext.users WHERE user_id = 'carol'$$);
CALL t.after($$INSERT INTO cache_ext.users VALUES ('carol', 'umbrella')$$);
-- Policies, definitions: the name.  Scope types: everything.
CALL t.after($$UPDATE cache_ext.config_policies SET rank = 1000 WHERE config_name = 'theme' AND scope_type = 'public'$$);
CALL t.after($$UPDATE cache_ext.config_policies SET rank = NULL WHERE config_name = 'theme'$$);
CALL t.after($$UPDATE cache_ext.config_definitions SET merge_strategy = 'shallow' WHERE config_name = 'theme'$$);
CALL t.after($$UPDATE cache_ext.config_definitions SET merge_strategy = 'deep' WHERE config_name = 'theme'$$);
CALL t.after($$UPDATE cache_ext.scope_types SET default_rank = 1 WHERE scope_type = 'user'$$);
CALL t.after($$UPDATE cache_ext.scope_types SET default_rank = 300 WHERE scope_type = 'user'$$);
-- What the merge does not read invalidates nothing, nor does writing what is there.
CALL t.after($$UPDATE cache_ext.config_fragments SET updated_at = now()$$);
CALL t.after($$UPDATE cache_ext.config_fragments SET config = config, scope_id = scope_id$$);
CALL t.after($$UPDATE cache_ext.users SET domain_id = domain_id$$);
CALL t.after($$DELETE FROM cache_ext.users WHERE user_id = 'no one'$$);
-- Nothing on rollback; a savepoint's rollback may invalidate, and is exact.
CALL t.after($$BEGIN; UPDATE cache_ext.config_fragments SET config = '{"lost": 1}'; ROLLBACK$$);
CALL t.after($$BEGIN; SAVEPOINT s; UPDATE cache_ext.config_fragments SET config = '{"lost": 1}' WHERE scope_id = 'alice'; ROLLBACK TO s; COMMIT$$);
-- By foreign keys' cascades.
CALL t.after($$DELETE FROM cache_ext.config_policies WHERE config_name = 'theme' AND scope_type = 'domain'$$);
CALL t.after($$INSERT INTO cache_ext.config_policies VALUES ('theme', 'domain')$$);
CALL t.after($$UPDATE cache_ext.config_definitions SET config_name = 'menu2' WHERE config_name = 'menu'$$);
CALL t.after($$UPDATE cache_ext.config_definitions SET config_name = 'menu' WHERE config_name = 'menu2'$$);
-- In bulk: ON CONFLICT, MERGE, COPY, and a set that collapses.
CALL t.after($$INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('user', 'alice', 'theme', '{"color": "black"}')
  ON CONFLICT (config_name, scope_type, scope_id) DO UPDATE SET config = excluded.config$$);
CALL t.after($$MERGE INTO cache_ext.config_fragments f USING (VALUES ('bob')) v (u) ON f.scope_type = 'user' AND f.scope_id = v.u
  WHEN NOT MATCHED THEN INSERT (scope_type, scope_id, config_name, config) VALUES ('user', v.u, 'theme', '{"merged": true}') WHEN MATCHED THEN DO NOTHING$$);
CALL t.after($$COPY cache_ext.config_fragments (scope_type, scope_id, config_name, config) FROM PROGRAM 'printf "user\tcarol\ttheme\t{}\n"'$$);
SELECT * FROM t.count($q$SELECT t.elsewhere($$INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', 'bulk' || i, 'theme', '{}' FROM generate_series(1, 3000) i$$)$q$);
CALL t.after($$INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', 'bulk' || i, 'theme', '{}' FROM generate_series(3001, 13000) i$$);
CALL t.after($$DELETE FROM cache_ext.config_fragments WHERE scope_id LIKE 'bulk%' OR scope_id IN ('bob', 'carol')$$);
-- TRUNCATE: everything; also what a cascade reaches.
CALL t.after($$BEGIN; TRUNCATE cache_ext.config_fragments; COMMIT$$);
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES
  ('public', NULL, 'theme', '{"color": "blue", "font": {"size": 10, "name": "serif"}}'),
  ('domain', 'acme', 'theme', '{"font": {"size": 12}, "logo": "acme.svg"}'),
  ('user', 'alice', 'theme', '{"color": "red", "tips": null}'), ('public', NULL, 'menu', '["home"]');
CALL t.after($$CREATE TEMP TABLE policies AS TABLE cache_ext.config_policies; TRUNCATE cache_ext.config_definitions CASCADE;
  INSERT INTO cache_ext.config_definitions VALUES ('theme'), ('menu'); INSERT INTO cache_ext.config_policies TABLE policies;
  INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) VALUES ('public', 'theme', '{"color": "blue"}'), ('public', 'menu', '["home"]')$$);
-- Whatever session_replication_role says.
CALL t.after($$SET session_replication_role = replica; UPDATE cache_ext.config_fragments SET config = '{"color": "replica"}' WHERE config_name = 'theme'$$);
-- By hand.
CALL t.after('BEGIN; DO $x$ BEGIN PERFORM cache_ext.invalidate_all(); END $x$; ROLLBACK');
CALL t.after('DO $x$ BEGIN PERFORM cache_ext.invalidate_all(); END $x$');

-- Ids that run into each other are told apart.
INSERT INTO cache_ext.users VALUES ('a', 'bc'), ('ab', 'c');
INSERT INTO cache_ext.config_definitions VALUES ('ctheme'); INSERT INTO cache_ext.config_policies VALUES ('ctheme', 'user');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('user', 'a', 'ctheme', '"a"'), ('user', 'ab', 'ctheme', '"ab"');
SELECT cache_ext.get_merged_config('ac', 'theme'), cache_ext.get_merged_config('a', 'ctheme'), cache_ext.get_merged_config('ab', 'ctheme');
SELECT cache_ext.get_merged_config('ac', 'theme'), cache_ext.get_merged_config('a', 'ctheme'), cache_ext.get_merged_config('ab', 'ctheme');
DELETE FROM cache_ext.config_definitions WHERE config_name = 'ctheme'; DELETE FROM cache_ext.users WHERE user_id IN ('a', 'ab');

-- What is counted, by slice kind.
SELECT counted FROM t.count($q$SELECT t.elsewhere($$UPDATE cache_ext.config_fragments SET config = '{"n": 1}' WHERE scope_type = 'public' AND config_name = 'menu'$$)$q$);
SELECT counted FROM t.count($q$SELECT t.elsewhere($$INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  VALUES ('user', 'dave', 'menu', '1'), ('domain', 'acme', 'menu', '2'), ('domain_user_defaults', 'acme', 'menu', '3')$$)$q$);
SELECT counted FROM t.count($q$SELECT t.elsewhere($$UPDATE cache_ext.users SET domain_id = 'x' WHERE user_id = 'dave'$$)$q$);
SELECT counted FROM t.count($q$SELECT t.elsewhere($$UPDATE cache_ext.scope_types SET default_rank = 301 WHERE scope_type = 'user'$$)$q$);
UPDATE cache_ext.scope_types SET default_rank = 300 WHERE scope_type = 'user';
UPDATE cache_ext.users SET domain_id = NULL WHERE user_id = 'dave';
