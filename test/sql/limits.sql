-- At the limits: the longest keys, the largest documents, domains of any length.
SET client_min_messages = warning;
CREATE SCHEMA l;
CREATE TABLE l.users (id text PRIMARY KEY, tenant text);
CREATE TABLE l.tenants (id text, name text);
CREATE TABLE l.settings (kind text, owner text, name text, doc jsonb);
CREATE INDEX ON l.settings (name);
CREATE INDEX ON l.tenants (name);
SELECT cache_ext.attach_fragments('l.settings', scope_type => 'kind', scope_id => 'owner', config_name => 'name', config => 'doc');
SELECT cache_ext.attach_users('l.users', user_id => 'id', domain_id => 'tenant');

-- A domain that is the empty string is not the want of one, nor are those that are
-- longer than keys can be each other.
CREATE FUNCTION l.long(n int, c text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT repeat('d', n - 1) || c $$;
CREATE TABLE l.cases AS SELECT row_number() OVER () AS n, tenant FROM (
  VALUES (NULL), (''), ('d'), (l.long(511, 'x')), (l.long(511, 'y')), (l.long(512, 'x')), (l.long(512, 'y')), (l.long(513, 'x')), (l.long(513, 'y')),
         (l.long(65535, 'x')), (l.long(65536, 'x')), (l.long(65537, 'x')), (l.long(65536 + 512, 'x')), (l.long(200000, 'x')), (l.long(200000, 'y'))) v (tenant);
INSERT INTO l.users SELECT 'u' || n || '.' || i, tenant FROM l.cases, generate_series(1, 3) i;
INSERT INTO l.settings SELECT 'domain', tenant, 'shared', jsonb_build_object('domain', n) FROM l.cases WHERE tenant IS NOT NULL;
INSERT INTO l.settings VALUES ('public', NULL, 'shared', '{"domain": "none"}');
CREATE FUNCTION l.wrong() RETURNS TABLE (id text, length int, config jsonb) LANGUAGE sql AS $$
  SELECT u.id, length(u.tenant), r.config FROM l.cases c JOIN l.users u ON u.tenant IS NOT DISTINCT FROM c.tenant,
         LATERAL (SELECT cache_ext.get_merged_config(u.id, 'shared')) r (config)
   WHERE r.config -> 'domain' IS DISTINCT FROM CASE WHEN c.tenant IS NULL THEN '"none"' ELSE to_jsonb(c.n) END
$$;
-- Who has none reads first, and then who has the empty one; and in the other order.
SELECT u.id, cache_ext.get_merged_config(u.id, 'shared') FROM l.users u WHERE u.id IN ('u1.1', 'u2.1') ORDER BY u.id;
SELECT cache_ext.invalidate_all();
SELECT u.id, cache_ext.get_merged_config(u.id, 'shared') FROM l.users u WHERE u.id IN ('u1.1', 'u2.1') ORDER BY u.id DESC;
SELECT * FROM l.wrong();
SELECT * FROM l.wrong();
UPDATE l.settings SET doc = doc || '{"more": 1}' WHERE length(owner) > 512 OR owner = '';
SELECT count(*) FILTER (WHERE cache_ext.get_merged_config(u.id, 'shared') ? 'more') AS more FROM l.users u;
SELECT * FROM l.wrong();

-- The largest documents with the longest keys, of entries that depend on as much as
-- any can: a domain that was looked up.
SELECT cache_ext.attach_users('l.users', user_id => 'id', domain_id => 'tenant', domains => 'l.tenants');
INSERT INTO l.tenants VALUES (repeat('t', 512), 'named');
INSERT INTO l.users VALUES (repeat('u', 512), 'named');
INSERT INTO l.settings VALUES ('user', repeat('u', 512), repeat('n', 512), '0'), ('public', NULL, repeat('n', 512), '0'), ('user', 'short', 'n', '0');
SET cache_ext.max_entry_size = '4MB';
-- Is a document of so many bytes stored, and read as it is?
CREATE FUNCTION l.stored(size int, u text, n text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  document jsonb := to_jsonb(repeat('x', size));
BEGIN
  PERFORM t.elsewhere(format('UPDATE l.settings SET doc = to_jsonb(repeat(''x'', %s)) WHERE name = %L AND owner = %L', size, n, u));
  IF cache_ext.get_merged_config(u, n) IS DISTINCT FROM document OR cache_ext.get_merged_config(u, n) IS DISTINCT FROM document THEN
    RAISE 'a document of % bytes is read wrong', size;
  END IF;
  RETURN cache_ext.read_state(u, n) = 'hit';
END
$$;
CREATE FUNCTION l.largest(u text, n text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  low int := 1000;
  high int := 8000000;
  middle int;
BEGIN
  WHILE high - low > 1 LOOP
    middle := (low + high) / 2;
    IF l.stored(middle, u, n) THEN low := middle; ELSE high := middle; END IF;
  END LOOP;
  RETURN low;
END
$$;
SELECT l.largest(repeat('u', 512), repeat('n', 512)) AS longest, l.largest('short', 'n') AS short \gset
SELECT :longest > 60000 AS longest, :short >= :longest AS short,
  value - pg_column_size(to_jsonb(repeat('x', :longest))) BETWEEN 0 AND 16 AS said FROM cache_ext.memory_usage WHERE name = 'max_entry_bytes';
-- A base of that size, of the longest domain.
UPDATE l.settings SET kind = 'domain', owner = repeat('t', 512), doc = to_jsonb(repeat('x', :longest)) WHERE owner = repeat('u', 512);
SELECT length(cache_ext.get_merged_config(repeat('u', 512), repeat('n', 512)) #>> '{}') = :longest AS whole FROM generate_series(1, 2);
UPDATE l.settings SET doc = to_jsonb(repeat('x', :longest - 40)) WHERE owner = repeat('t', 512);
SELECT length(cache_ext.get_merged_config(repeat('u', 512), repeat('n', 512)) #>> '{}') = :longest - 40 AS whole FROM generate_series(1, 2);
RESET cache_ext.max_entry_size;

SELECT value AS corruptions FROM cache_ext.stats WHERE name = 'corruptions';
SELECT cache_ext.detach(relation) FROM cache_ext.attached;
DROP SCHEMA l CASCADE;
