-- config_names: the names for which a user has something, and no others.
CREATE SCHEMA n;
-- What reads say, of all names that there are.
CREATE FUNCTION n.by_reads(u text, names text[]) RETURNS text[] LANGUAGE sql STABLE AS $$
  SELECT coalesce(array_agg(x.name ORDER BY x.name COLLATE "C"), '{}') FROM (SELECT DISTINCT name FROM unnest(names) name) x WHERE cache_ext.get_merged_config(u, x.name) IS NOT NULL
$$;
CREATE FUNCTION n.of(u text) RETURNS text[] LANGUAGE sql STABLE AS $$ SELECT coalesce(array_agg(c), '{}') FROM cache_ext.config_names(u) c $$;

SELECT cache_ext.config_names('alice');
SELECT * FROM cache_ext.config_names('nobody');
SELECT count(*) FROM cache_ext.config_names(NULL);
SELECT cache_ext.config_names('');
SELECT cache_ext.config_names(repeat('x', 513));
-- It fills nothing, and needs nothing that is filled.
SELECT counted FROM t.count($$SELECT count(*) FROM cache_ext.config_names('alice')$$);

-- Random policies, users and fragments, among them domains called as users.
SELECT setseed(0.5);
INSERT INTO cache_ext.config_definitions (config_name, merge_strategy)
  SELECT 'n_' || i, (ARRAY['deep', 'shallow', 'replace', 'merge_patch'])[1 + i % 4] FROM generate_series(1, 60) i;
INSERT INTO cache_ext.scope_types VALUES ('n_late', 'domain', 10), ('n_all', 'none', 400);
INSERT INTO cache_ext.config_policies (config_name, scope_type)
  SELECT d.config_name, s.scope_type FROM cache_ext.config_definitions d, cache_ext.scope_types s WHERE d.config_name LIKE 'n\_%' AND random() < 0.4;
INSERT INTO cache_ext.users SELECT 'n' || i, CASE WHEN i % 5 > 0 THEN 'n' || i % 4 END FROM generate_series(0, 12) i;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT p.scope_type, CASE WHEN s.keyed_by <> 'none' THEN 'n' || i END, p.config_name, (ARRAY['{}', '{"a": null}', '[]', 'null', '{"b": 1}'])[1 + i % 5]::jsonb
    FROM cache_ext.config_policies p JOIN cache_ext.scope_types s USING (scope_type), generate_series(0, 15) i
   WHERE p.config_name LIKE 'n\_%' AND (i = 0 OR s.keyed_by <> 'none') AND random() < 0.2;
CREATE VIEW n.compared AS
  SELECT u, n.of(u) AS of, n.by_reads(u, (SELECT array_agg(config_name) FROM cache_ext.config_definitions)) AS by_reads FROM (SELECT 'n' || i AS u FROM generate_series(0, 20) i) x;
SELECT count(*) FILTER (WHERE of IS DISTINCT FROM by_reads) AS wrong, min(cardinality(of)) > 2 AS some, max(cardinality(of)) < 60 AS not_all, count(DISTINCT of) > 10 AS various FROM n.compared;
-- By the caller's snapshot, and as its own transaction sees it.
BEGIN;
DELETE FROM cache_ext.config_fragments WHERE scope_type = 'n_all' OR random() < 0.3;
UPDATE cache_ext.users SET domain_id = 'n3' WHERE user_id IN ('n4', 'n5', 'n6');
DELETE FROM cache_ext.config_policies WHERE scope_type = 'n_late';
SELECT count(*) FILTER (WHERE of IS DISTINCT FROM by_reads) AS wrong, count(DISTINCT of) > 10 AS various FROM n.compared;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT n.of('n1') AS before \gset
SELECT t.elsewhere($$DELETE FROM cache_ext.config_fragments WHERE config_name LIKE 'n\_%' AND scope_id IS NULL$$);
SELECT n.of('n1') = :'before' AS same;
COMMIT;
SELECT n.of('n1') <> :'before' AS less;
SELECT count(*) FILTER (WHERE of IS DISTINCT FROM by_reads) AS wrong FROM n.compared;
DELETE FROM cache_ext.config_definitions WHERE config_name LIKE 'n\_%';
DELETE FROM cache_ext.scope_types WHERE scope_type LIKE 'n\_%';
DELETE FROM cache_ext.users WHERE user_id ~ '^n\d';
DROP VIEW n.compared;

SET client_min_messages = warning;
-- Attached tables, with policies or without, keys of other types, documents that are null.
CREATE TABLE n.people (id int PRIMARY KEY, domain int);
CREATE TABLE n.rules (name varchar, kind text);
CREATE TABLE n.docs (kind text, owner int, name int, doc json);
INSERT INTO n.people SELECT i, i % 3 FROM generate_series(1, 8) i;
INSERT INTO n.docs SELECT k, CASE WHEN k <> 'public' THEN o END, nm, CASE WHEN random() < 0.7 THEN '{}'::json END
  FROM unnest('{public,domain,user,domain_user_defaults}'::text[]) k, generate_series(0, 8) o, generate_series(-3, 12) nm WHERE random() < 0.3 AND (k <> 'public' OR o = 0);
-- Not all of these are names of the fragments' type, and some are not written as it writes them.
INSERT INTO n.rules SELECT nm, k FROM unnest('{-3,-2,-1,0,1,2,3,4,05,+6,x,7,8,9,10}'::text[]) nm, unnest('{public,domain,user,domain_user_defaults}'::text[]) k WHERE random() < 0.7;
SELECT cache_ext.attach_users('n.people', 'id', 'domain');
SELECT cache_ext.attach_fragments('n.docs', 'kind', 'owner', 'name', 'doc');
CREATE VIEW n.compared AS
  SELECT u, n.of(u) AS of, n.by_reads(u, (SELECT array_agg(name::text) FROM n.docs)) AS by_reads FROM (SELECT i::text AS u FROM generate_series(0, 10) i) x;
SELECT count(*) FILTER (WHERE of IS DISTINCT FROM by_reads) AS wrong, count(DISTINCT of) > 5 AS various FROM n.compared;
SELECT cache_ext.attach_policies('n.rules', config_name => 'name', scope_type => 'kind');
SELECT count(*) FILTER (WHERE of IS DISTINCT FROM by_reads) AS wrong, count(DISTINCT of) > 5 AS various FROM n.compared;
SELECT n.of(' 007') = n.of('7') AS canonical;
SELECT cache_ext.config_names('x');
SELECT cache_ext.detach('n.rules');
-- A row with all its scope types.
CREATE TABLE n.chains AS SELECT name, array_agg(kind) AS kinds FROM n.rules GROUP BY name;
SELECT cache_ext.attach_policies('n.chains', config_name => 'name', scope_sources => 'kinds');
SELECT count(*) FILTER (WHERE of IS DISTINCT FROM by_reads) AS wrong, count(DISTINCT of) > 5 AS various FROM n.compared;
-- What a source that cannot be read would say is not left out.
ALTER TABLE n.docs DROP COLUMN doc;
SELECT t.message($$SELECT cache_ext.config_names('1')$$);
SELECT cache_ext.detach('n.docs'), cache_ext.detach('n.chains'), cache_ext.detach('n.people');
DROP SCHEMA n CASCADE;
RESET client_min_messages;
