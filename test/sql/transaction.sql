-- Transactions: one's own writes, savepoints, isolation levels, snapshots.
SELECT t.warm();
-- Own writes are seen at once, from the tables, and the cache serves what they do
-- not concern; after commit it serves all.
BEGIN;
SELECT * FROM t.read('alice', 'theme');
UPDATE cache_ext.config_fragments SET config = '{"color": "mine"}' WHERE scope_type = 'public' AND config_name = 'theme';
SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('carol', 'menu');
SAVEPOINT s;
UPDATE cache_ext.config_fragments SET config = '{"color": "lost"}' WHERE scope_type = 'public' AND config_name = 'theme';
SELECT * FROM t.read('alice', 'theme');
ROLLBACK TO s;
SELECT * FROM t.read('alice', 'theme');
COMMIT;
SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('alice', 'theme');
-- Rolled back, nothing was invalidated.
BEGIN;
UPDATE cache_ext.config_fragments SET config = '{"color": "lost"}' WHERE scope_type = 'public' AND config_name = 'theme';
SELECT * FROM t.read('alice', 'theme');
ROLLBACK;
SELECT * FROM t.read('alice', 'theme');
-- An error ends it as well.
BEGIN;
UPDATE cache_ext.config_fragments SET config = '{"color": "lost"}' WHERE scope_type = 'public' AND config_name = 'theme';
SELECT 1/0;
COMMIT;
SELECT * FROM t.read('alice', 'theme');

-- In one statement: RETURNING, CTE.
BEGIN;
UPDATE cache_ext.config_fragments SET config = '{"color": "returning"}' WHERE scope_type = 'public' AND config_name = 'theme'
  RETURNING cache_ext.get_merged_config('alice', 'theme') IS NOT DISTINCT FROM reference.merge('alice', 'theme') AS is_exact;
ROLLBACK;
WITH w AS (UPDATE cache_ext.config_fragments SET config = '{"color": "cte"}' WHERE scope_type = 'public' AND config_name = 'theme' RETURNING 1)
  SELECT cache_ext.get_merged_config('alice', 'theme') IS NOT DISTINCT FROM reference.merge('alice', 'theme') AS is_exact, (SELECT count(*) FROM w) AS written;
SELECT * FROM t.read('alice', 'theme');

-- Triggers that read, before and after each row.
CREATE FUNCTION t.reader() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE '% %: % exact: %', TG_NAME, TG_WHEN, cache_ext.get_merged_config('alice', 'theme') -> 'color',
    cache_ext.get_merged_config('alice', 'theme') IS NOT DISTINCT FROM reference.merge('alice', 'theme');
  RETURN NEW;
END
$$;
CREATE TRIGGER a_reader BEFORE UPDATE ON cache_ext.config_fragments FOR EACH ROW EXECUTE FUNCTION t.reader();
CREATE TRIGGER a_reader_after AFTER UPDATE ON cache_ext.config_fragments FOR EACH ROW EXECUTE FUNCTION t.reader();
CREATE TRIGGER z_reader_after AFTER UPDATE ON cache_ext.config_fragments FOR EACH ROW EXECUTE FUNCTION t.reader();
CREATE CONSTRAINT TRIGGER deferred_reader AFTER UPDATE ON cache_ext.config_fragments DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.reader();
SELECT t.warm();
UPDATE cache_ext.config_fragments SET config = '{"color": "trigger"}' WHERE config_name = 'theme' AND scope_type = 'public';
DROP TRIGGER a_reader ON cache_ext.config_fragments;
DROP TRIGGER a_reader_after ON cache_ext.config_fragments;
DROP TRIGGER z_reader_after ON cache_ext.config_fragments;
DROP TRIGGER deferred_reader ON cache_ext.config_fragments;
SELECT * FROM t.read('alice', 'theme');

-- A deferred trigger that writes runs before the commit is prepared.
CREATE FUNCTION t.writer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE cache_ext.config_fragments SET config = '{"color": "deferred"}' WHERE config_name = 'theme' AND scope_type = 'public';
  RETURN NULL;
END
$$;
CREATE TABLE t.other (i int);
CREATE CONSTRAINT TRIGGER writer AFTER INSERT ON t.other DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.writer();
SELECT t.warm();
INSERT INTO t.other VALUES (1);
SELECT * FROM t.read('alice', 'theme');
DROP TABLE t.other;

-- A cursor opened before a write sees the state before it, whatever was cached.
SELECT t.warm();
BEGIN;
DECLARE c CURSOR FOR SELECT cache_ext.get_merged_config('alice', 'theme') -> 'color' AS color,
  cache_ext.get_merged_config('alice', 'theme') IS NOT DISTINCT FROM reference.merge('alice', 'theme') AS is_exact FROM generate_series(1, 3);
FETCH c;
UPDATE cache_ext.config_fragments SET config = '{"color": "after the cursor"}' WHERE config_name = 'theme' AND scope_type = 'public';
FETCH c;
COMMIT;
-- The same with the write in another session.
SELECT t.warm();
BEGIN;
DECLARE c CURSOR FOR SELECT cache_ext.get_merged_config('alice', 'theme') -> 'color' AS color,
  cache_ext.get_merged_config('alice', 'theme') IS NOT DISTINCT FROM reference.merge('alice', 'theme') AS is_exact FROM generate_series(1, 3);
FETCH c;
SELECT t.elsewhere($$UPDATE cache_ext.config_fragments SET config = '{"color": "elsewhere"}' WHERE config_name = 'theme' AND scope_type = 'public'$$);
SELECT t.warm();
FETCH c;
COMMIT;

-- REPEATABLE READ keeps its snapshot: it hits what nobody touched, and reads
-- through what was; it never stores an old result for others.
SELECT t.last_change() AS before \gset
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM t.read('alice', 'theme');
SELECT t.elsewhere($$UPDATE cache_ext.config_fragments SET config = '{"color": "newer"}' WHERE config_name = 'theme' AND scope_type = 'public'$$);
SELECT * FROM t.read('alice', 'theme');
SELECT config, counted = 'hits=1' OR t.is_unlucky('alice', 'menu', :'before') AS hit, is_exact FROM t.read('alice', 'menu');
COMMIT;
SELECT * FROM t.read('alice', 'theme');
SELECT * FROM t.read('alice', 'theme');
-- Absence follows the same rule.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM t.read('alice', 'late');
SELECT t.elsewhere($$WITH d AS (INSERT INTO cache_ext.config_definitions VALUES ('late')) INSERT INTO cache_ext.config_policies VALUES ('late', 'public');
  INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) VALUES ('public', 'late', '1')$$);
SELECT * FROM t.read('alice', 'late');
COMMIT;
SELECT * FROM t.read('alice', 'late');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM t.read('alice', 'late');
SELECT t.elsewhere($$DELETE FROM cache_ext.config_definitions WHERE config_name = 'late'$$);
SELECT * FROM t.read('alice', 'late');
COMMIT;
SELECT * FROM t.read('alice', 'late');

-- SERIALIZABLE reads the tables.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM t.read('alice', 'theme');
COMMIT;

-- PREPARE TRANSACTION is refused after a write, as after NOTIFY.
\set VERBOSITY default
BEGIN;
UPDATE cache_ext.users SET domain_id = 'prepared';
PREPARE TRANSACTION 'x';
BEGIN;
SELECT cache_ext.invalidate_all();
PREPARE TRANSACTION 'x';
SELECT * FROM t.read('alice', 'theme');

-- A procedure that commits in between.
CREATE PROCEDURE t.commits() LANGUAGE plpgsql AS $$
BEGIN
  UPDATE cache_ext.config_fragments SET config = '{"color": "first"}' WHERE config_name = 'theme' AND scope_type = 'public';
  RAISE NOTICE '%', cache_ext.get_merged_config('alice', 'theme') -> 'color';
  COMMIT;
  RAISE NOTICE '% %', cache_ext.get_merged_config('alice', 'theme') -> 'color', (SELECT counted FROM t.read('alice', 'theme'));
  UPDATE cache_ext.config_fragments SET config = '{"color": "second"}' WHERE config_name = 'theme' AND scope_type = 'public';
  ROLLBACK;
  RAISE NOTICE '% %', cache_ext.get_merged_config('alice', 'theme') -> 'color', (SELECT counted FROM t.read('alice', 'theme'));
END
$$;
CALL t.commits();
DROP PROCEDURE t.commits();

-- Queries that write within each other, more than there is room for at first.
CREATE FUNCTION t.nest(n integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF n = 0 THEN
    RAISE NOTICE '%', (SELECT counted FROM t.read('alice', 'menu'));
  ELSE
    UPDATE cache_ext.config_fragments SET config = NULL WHERE config_name = 'theme' AND scope_type = 'public' AND NOT t.nest(n - 1);
  END IF;
  RETURN true;
END
$$;
BEGIN;
SELECT * FROM t.read('alice', 'menu');
SELECT t.nest(40);
SELECT * FROM t.read('alice', 'menu');
COMMIT;
DROP FUNCTION t.nest(integer);
