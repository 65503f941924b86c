-- What is cached, what was invalidated, what is wrong.
\pset null '(null)'
INSERT INTO cache_ext.config_definitions (config_name, ttl) VALUES ('v_plain', NULL), ('v_ttl', '1 hour');
INSERT INTO cache_ext.config_policies (config_name, scope_type) SELECT d.config_name, t.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types t WHERE d.config_name LIKE 'v\_%';
INSERT INTO cache_ext.users VALUES ('vera', 'viewed');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES
  ('public', NULL, 'v_plain', '{"a": 1}'), ('user', 'vera', 'v_plain', '{"b": 2}'), ('public', NULL, 'v_ttl', '[3]');
SELECT cache_ext.get_merged_config('vera', 'v_plain'), cache_ext.get_merged_config_json('vera', 'v_plain'), cache_ext.get_public_config('v_plain'),
  cache_ext.get_merged_config('vera', 'v_ttl'), cache_ext.get_merged_config('vera', 'v_none');
SELECT cache_ext.get_merged_config('vera', 'v_plain') FROM generate_series(1, 5);

-- entries
SELECT kind, id, config_name, frequency, slices, absent, valid, bytes > 0 AS bytes, age < interval '1 minute' AS age, ttl_left BETWEEN interval '59 minutes' AND interval '1 hour' AS ttl_left
  FROM cache_ext.entries WHERE config_name LIKE 'v\_%' ORDER BY config_name, kind;
SELECT kind, entry_id, entry_name, valid, config FROM cache_ext.entries_of('vera', 'v_plain') ORDER BY kind;
SELECT kind, entry_id, entry_name, config FROM cache_ext.entries_of('vera') ORDER BY entry_name, kind;
SELECT kind, entry_id, entry_name, config FROM cache_ext.entries_of('viewed', 'v_plain');
SELECT kind, entry_id, entry_name, config FROM cache_ext.entries_of(NULL, 'v_plain') ORDER BY kind;
SELECT count(*) FROM cache_ext.entries_of('nobody', 'v_plain');
-- A look is not a read.
SELECT frequency FROM cache_ext.entries_of('vera', 'v_ttl');
SELECT frequency FROM cache_ext.entries_of('vera', 'v_ttl');
-- What was invalidated is there until it is filled again, and says so; what has
-- expired, too.
UPDATE cache_ext.config_fragments SET config = '{"b": 3}' WHERE scope_id = 'vera' AND config_name = 'v_plain';
SELECT kind, valid, config FROM cache_ext.entries_of('vera', 'v_plain') ORDER BY kind;
SET cache_ext.clock_offset = '2h';
SELECT kind, valid FROM cache_ext.entries_of('vera', 'v_ttl') ORDER BY kind;
RESET cache_ext.clock_offset;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT kind, valid FROM cache_ext.entries_of('vera', 'v_ttl') ORDER BY kind;
COMMIT;

-- slices
SELECT kind, id, config_name, entries, pending, overlapped, slot = (cache_ext.slot_of(kind, id, config_name)).slot AS slot FROM cache_ext.slices
 WHERE config_name LIKE 'v\_%' OR id IN ('vera', 'viewed') ORDER BY kind, config_name, id;
SELECT (cache_ext.slot_of('user', 'vera', NULL)).slot = (cache_ext.slot_of('domain', 'vera', NULL)).slot AS users_and_domains_share,
  (SELECT count(DISTINCT (cache_ext.slot_of('user_name', 'vera', 'v' || i)).slot) > 90 FROM generate_series(1, 100) i) AS others_do_not, cache_ext.slot_of('slice', 'x', 'y') IS NULL AS none;
SELECT generation AS before FROM cache_ext.slot_of('user_name', 'vera', 'v_plain') \gset
UPDATE cache_ext.config_fragments SET config = '{"b": 4}' WHERE scope_id = 'vera' AND config_name = 'v_plain' RETURNING pg_current_xact_id() AS xid \gset
SELECT generation - :before AS more, last_xid = :'xid'::xid8 AS last_xid FROM cache_ext.slot_of('user_name', 'vera', 'v_plain');

-- invalidations
SET application_name = 'a test of views';
BEGIN;
SELECT pg_current_xact_id() AS xid \gset
INSERT INTO cache_ext.users VALUES ('victor', 'viewed');
UPDATE cache_ext.config_fragments SET config = '{"a": 2}' WHERE config_name = 'v_plain' AND scope_type = 'public';
SAVEPOINT s;
DELETE FROM cache_ext.users WHERE user_id = 'vera';
ROLLBACK TO s;
DELETE FROM cache_ext.config_fragments WHERE scope_id = 'vera';
SELECT cache_ext.invalidate_domain(repeat('long ', 30));
COMMIT;
SELECT role = current_user AS role, application, kind, id, config_name, cause, at BETWEEN now() - interval '1 minute' AND now() + interval '1 s' AS at
  FROM cache_ext.invalidations WHERE xid = :'xid';
BEGIN;
SELECT pg_current_xact_id() AS xid \gset
ALTER TABLE cache_ext.users ADD COLUMN note text;
COMMIT;
SELECT kind, cause FROM cache_ext.invalidations WHERE xid = :'xid';
ALTER TABLE cache_ext.users DROP COLUMN note;
BEGIN;
SELECT pg_current_xact_id() AS xid \gset
INSERT INTO cache_ext.users SELECT 'v' || i FROM generate_series(1, 2000) i;
COMMIT;
SELECT kind, count(*) FROM cache_ext.invalidations WHERE xid = :'xid' GROUP BY kind;
BEGIN;
SELECT pg_current_xact_id() AS xid \gset
DELETE FROM cache_ext.users WHERE user_id LIKE 'v%' AND user_id NOT IN ('vera', 'victor');
ROLLBACK;
SELECT count(*) FROM cache_ext.invalidations WHERE xid = :'xid';
-- Bounded, the latest kept.
DO $$ BEGIN FOR i IN 1 .. 1100 LOOP PERFORM cache_ext.invalidate_user('loop' || i); COMMIT; END LOOP; END $$;
SELECT count(*), min(id), max(id) FROM (SELECT id FROM cache_ext.invalidations ORDER BY xid DESC LIMIT 1) i;
SELECT count(*) FROM cache_ext.invalidations;
RESET application_name;

-- Invalidation by hand: what it reaches, and its errors.
CREATE FUNCTION t.hits(u text, n text) RETURNS text LANGUAGE sql AS $$ SELECT split_part(cache_ext.read_state(u, n), ':', 1) $$;
CREATE FUNCTION t.hits_but_for_luck(u text, n text, since xid8) RETURNS text LANGUAGE sql AS $$ SELECT CASE WHEN t.is_unlucky(u, n, since) THEN 'hit' ELSE t.hits(u, n) END $$;
CREATE PROCEDURE t.try(call text, INOUT vera text DEFAULT NULL, INOUT vera_ttl text DEFAULT NULL, INOUT victor text DEFAULT NULL, INOUT walter text DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
  before xid8 := t.last_change();
BEGIN
  PERFORM cache_ext.prewarm('{vera,victor,walter}', '{v_plain,v_ttl}');
  EXECUTE 'SELECT cache_ext.' || call;
  COMMIT;
  vera := t.hits_but_for_luck('vera', 'v_plain', before);
  vera_ttl := t.hits_but_for_luck('vera', 'v_ttl', before);
  victor := t.hits_but_for_luck('victor', 'v_plain', before);
  walter := t.hits_but_for_luck('walter', 'v_plain', before);
END
$$;
CALL t.try('invalidate_user(''vera'')');
CALL t.try('invalidate_domain(''viewed'')');
CALL t.try('invalidate_name(''v_plain'')');
CALL t.try('invalidate_policy(''v_ttl'')');
CALL t.try('invalidate_scope(''user'', ''walter'')');
CALL t.try('invalidate_scope(''domain'', ''viewed'')');
CALL t.try('invalidate_scope(''public'', NULL)');
CALL t.try('invalidate_all()');
BEGIN;
SELECT cache_ext.prewarm('{vera}', '{v_plain}');
SELECT cache_ext.invalidate_user('vera');
ROLLBACK;
SELECT t.hits('vera', 'v_plain') AS after_rollback;
SELECT cache_ext.invalidate_scope('publick', NULL);
SELECT cache_ext.invalidate_scope(NULL, NULL);
SELECT cache_ext.invalidate_scope('public', 'x');
SELECT cache_ext.invalidate_scope('user', NULL);
SELECT cache_ext.invalidate_user(NULL);
SELECT cache_ext.invalidate_domain('');
SELECT cache_ext.invalidate_name(repeat('x', 513));

-- verify, prewarm, reset_stats
SELECT cache_ext.prewarm('{vera,victor}', '{v_plain,v_none}'), cache_ext.prewarm('{vera,NULL}', '{v_plain,v_none}', true), cache_ext.prewarm('{}', NULL);
SELECT * FROM cache_ext.verify();
SELECT * FROM cache_ext.verify(3);
SELECT cache_ext.reset_stats();
SELECT cache_ext.get_merged_config('vera', 'v_plain') IS NOT NULL AS hit;
SELECT name, value FROM cache_ext.stats WHERE value <> 0 AND name NOT IN ('seconds', 'notification_queue_usage');
SELECT cache_ext.stats_since() BETWEEN now() - interval '1 minute' AND clock_timestamp() AS since;
SELECT * FROM cache_ext.prewarm_progress;
CALL cache_ext.prewarm_all(0);

-- hits_by_name: a sample, and no less of what is read in turns.
SELECT cache_ext.reset_stats();
SELECT count(*) FROM cache_ext.hits_by_name;
SELECT count(cache_ext.get_merged_config('vera', 'v_plain')) AS plain, count(cache_ext.get_merged_config_json('victor', 'v_ttl')) AS ttl FROM generate_series(1, 40000);
SELECT count(cache_ext.get_merged_config('vera', 'v_none')) FROM generate_series(1, 20000);
SELECT config_name, round(hits, -4) AS about FROM cache_ext.hits_by_name ORDER BY config_name;
-- When there are too many names, those that are read often stay, and a newcomer does not get what it took over.
SELECT count(cache_ext.get_merged_config('vera', 'v_many' || i)) FROM generate_series(1, 400) i, generate_series(1, 1200);
SELECT count(*) BETWEEN 200 AND 256 AS full, sum(hits) < 500000 AS no_heirs FROM cache_ext.hits_by_name;
SELECT array_agg(config_name ORDER BY config_name) AS most FROM (SELECT * FROM cache_ext.hits_by_name LIMIT 2) h;
SELECT cache_ext.reset_stats();
SELECT count(*) FROM cache_ext.hits_by_name;

-- health
SELECT problem FROM cache_ext.health;
SET cache_ext.enabled = off;
SELECT * FROM cache_ext.health;
RESET cache_ext.enabled;
ALTER TABLE cache_ext.users DISABLE TRIGGER cache_ext_row;
SELECT * FROM cache_ext.health;
ALTER TABLE cache_ext.users ENABLE ALWAYS TRIGGER cache_ext_row;
SET cache_ext.max_entry_size = '1kB';
UPDATE cache_ext.config_fragments SET config = to_jsonb(repeat('x', 2000)) WHERE config_name = 'v_ttl';
SELECT cache_ext.reset_stats();
SELECT count(cache_ext.get_merged_config('vera', 'v_ttl')) FROM generate_series(1, 1200);
SELECT * FROM cache_ext.health;
SELECT cache_ext.reset_stats();
RESET cache_ext.max_entry_size;
SELECT count(*) FROM cache_ext.health;
-- Who reads in SERIALIZABLE transactions computes: a default that says so, whosever it is, or reads that were.
SET default_transaction_isolation = serializable;
SELECT * FROM cache_ext.health;
SELECT count(cache_ext.get_merged_config('vera', 'v_ttl')) FROM generate_series(1, 900);
RESET default_transaction_isolation;
SELECT count(*) FROM cache_ext.health;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(cache_ext.get_merged_config('vera', 'v_ttl')) FROM generate_series(1, 100);
SELECT * FROM cache_ext.health;
COMMIT;
SELECT cache_ext.reset_stats();
CREATE ROLE regress_cache_ext_serial;
SELECT format('ALTER DATABASE %I SET default_transaction_isolation = ''Serializable''', current_database()) AS all_here,
  format('ALTER ROLE regress_cache_ext_serial IN DATABASE %I SET default_transaction_isolation = serializable', current_database()) AS one_here,
  format('ALTER DATABASE %I RESET default_transaction_isolation', current_database()) AS reset \gset
:all_here;
:one_here;
ALTER ROLE regress_cache_ext_serial SET default_transaction_isolation = serializable;
SELECT replace(detail, current_database(), '(this)') COLLATE "C" AS detail FROM cache_ext.health WHERE problem = 'serializable' ORDER BY 1;
:reset;
DROP ROLE regress_cache_ext_serial;
SELECT count(*) FROM cache_ext.health;

DELETE FROM cache_ext.config_definitions WHERE config_name LIKE 'v\_%';
DELETE FROM cache_ext.users WHERE user_id LIKE 'v%';
DROP PROCEDURE t.try;
DROP FUNCTION t.hits_but_for_luck, t.hits;
