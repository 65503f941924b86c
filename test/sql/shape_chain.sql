-- An application's tables: a policy in an array, lowest first, scope types in
-- upper case, and the literal 'public' as the id of what is public.
CREATE SCHEMA shop;
CREATE TABLE shop.policies (config_name varchar(128) NOT NULL UNIQUE, scope_sources text[]);
CREATE TABLE shop.fragments (
  scope_type varchar(32) NOT NULL,
  scope_id varchar(64) NOT NULL,
  config_name varchar(128) NOT NULL REFERENCES shop.policies (config_name) ON DELETE CASCADE,
  config jsonb NOT NULL,
  PRIMARY KEY (config_name, scope_type, scope_id)
);
CREATE TABLE shop.users (login varchar(64) PRIMARY KEY, tenant varchar(64));

CREATE FUNCTION shop.reference(u text, n text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT reference.fold(array_agg(f.config ORDER BY e.rank))
    FROM shop.policies p, unnest(p.scope_sources) WITH ORDINALITY e(scope_type, rank), shop.fragments f
   WHERE p.config_name = n AND f.config_name = n AND f.scope_type = e.scope_type
     AND f.scope_id = CASE e.scope_type WHEN 'PUBLIC' THEN 'public' WHEN 'USER' THEN u
                        WHEN 'TENANT' THEN (SELECT s.tenant FROM shop.users s WHERE s.login = u) END
$$;
CREATE FUNCTION shop.read(u text, n text) RETURNS TABLE (config jsonb, counted text, is_exact boolean) LANGUAGE sql AS $$
  SELECT c.result::jsonb, c.counted, c.result::jsonb IS NOT DISTINCT FROM shop.reference(u, n)
    FROM t.count(format('SELECT cache_ext.get_merged_config(%L, %L)', u, n)) c
$$;

-- One is called as public fragments are.
INSERT INTO shop.users VALUES ('ann', 'north'), ('ben', 'south'), ('public', 'north');
INSERT INTO shop.policies VALUES ('prices', '{PUBLIC,TENANT,USER}'), ('banner', '{USER,PUBLIC}'), ('none', NULL);
INSERT INTO shop.fragments VALUES
  ('PUBLIC', 'public', 'prices', '{"currency": "EUR", "vat": 19}'),
  ('PUBLIC', 'other', 'prices', '{"currency": "CHF"}'),
  ('TENANT', 'north', 'prices', '{"vat": 20}'),
  ('USER', 'ann', 'prices', '{"discount": 5}'),
  ('USER', 'public', 'prices', '{"discount": 99}'),
  ('PUBLIC', 'public', 'banner', '{"text": "hello", "size": 1}'),
  ('USER', 'ann', 'banner', '{"text": "mine", "tone": "low"}'),
  ('USER', 'ann', 'none', '{"a": 1}');

-- Scope types that are not known are said, and then made known.
SELECT cache_ext.attach_fragments('shop.fragments', public_id => 'public');
SELECT cache_ext.attach_policies('shop.policies', scope_sources => 'scope_sources');
SELECT cache_ext.attach_users('shop.users', user_id => 'login', domain_id => 'tenant');
SELECT cache_ext.get_merged_config('ann', 'prices');
INSERT INTO cache_ext.scope_types VALUES ('PUBLIC', 'none', 100), ('TENANT', 'domain', 200), ('USER', 'user', 300);
SELECT part, relation, attached, columns, suspended FROM cache_ext.sources;
SELECT u, c.* FROM unnest('{ann,ben,public,zoe}'::text[]) u, shop.read(u, 'prices') c;
SELECT u, c.* FROM unnest('{ann,ben,public,zoe}'::text[]) u, shop.read(u, 'prices') c;
SELECT * FROM shop.read('ann', 'banner');
SELECT * FROM shop.read('ann', 'none');
SELECT * FROM shop.read('ann', 'unknown');
SELECT cache_ext.get_public_config('prices');

-- A change of the public fragment touches all, of the user called public one.
SELECT t.elsewhere($$UPDATE shop.fragments SET config = '{"discount": 98}' WHERE scope_type = 'USER' AND scope_id = 'public'$$);
SELECT * FROM shop.read('public', 'prices');
SELECT t.elsewhere($$UPDATE shop.fragments SET config = '{"currency": "GBP"}' WHERE scope_type = 'PUBLIC' AND scope_id = 'public' AND config_name = 'prices'$$);
SELECT u, c.* FROM unnest('{ann,ben,public,zoe}'::text[]) u, shop.read(u, 'prices') c;
SELECT * FROM shop.read('ann', 'banner');
-- Into the literal, and out of it.
SELECT t.elsewhere($$UPDATE shop.fragments SET scope_id = 'gone' WHERE scope_type = 'PUBLIC' AND scope_id = 'public' AND config_name = 'prices'$$);
SELECT * FROM shop.read('ann', 'prices');
SELECT t.elsewhere($$UPDATE shop.fragments SET scope_id = 'public' WHERE scope_type = 'PUBLIC' AND scope_id = 'other' AND config_name = 'prices'$$);
SELECT * FROM shop.read('ann', 'prices');
-- The chain: another order, one more, a scope twice, an unknown one, a null, none.
SELECT t.elsewhere($$UPDATE shop.policies SET scope_sources = '{PUBLIC,USER}' WHERE config_name = 'banner'$$);
SELECT * FROM shop.read('ann', 'banner');
SELECT * FROM shop.read('ann', 'prices');
SELECT t.elsewhere($$UPDATE shop.policies SET scope_sources = '{PUBLIC,USER,PUBLIC}' WHERE config_name = 'banner'$$);
SELECT * FROM shop.read('ann', 'banner');
SELECT t.elsewhere($$UPDATE shop.policies SET scope_sources = '{PLANET,USER,NULL}' WHERE config_name = 'banner'$$);
SELECT * FROM shop.read('ann', 'banner');
SELECT t.elsewhere($$UPDATE shop.policies SET scope_sources = '{}' WHERE config_name = 'banner'$$);
SELECT * FROM shop.read('ann', 'banner');

-- Without policies attached every scope type contributes, at its default rank.
SELECT cache_ext.detach('shop.policies');
SELECT cache_ext.get_merged_config('ann', 'banner');
UPDATE cache_ext.scope_types SET default_rank = 1 WHERE scope_type = 'USER';
SELECT cache_ext.get_merged_config('ann', 'banner');
SELECT cache_ext.get_merged_config('ann', 'banner');
-- Of a long one the first ten thousand are looked at for what to warn of, of several
-- as many in all.
CREATE TABLE shop.long (config_name text PRIMARY KEY, scope_sources text[]);
INSERT INTO shop.long VALUES ('first', array_fill(NULL::text, ARRAY[3000]) || '{EARLY}'),
  ('second', array_fill('USER'::text, ARRAY[6997]) || '{LAST,BEYOND}' || array_fill('FAR'::text, ARRAY[53000])), ('third', '{NEXT}');
SELECT cache_ext.attach_policies('shop.long', scope_sources => 'scope_sources');
SELECT cache_ext.detach('shop.long');
-- Ranks by row, which may be null.
CREATE TABLE shop.ranks (config_name text, scope_type text, rank smallint);
INSERT INTO shop.ranks VALUES ('banner', 'PUBLIC', 5), ('banner', 'USER', NULL);
SELECT cache_ext.attach_policies('shop.ranks', scope_type => 'scope_type', rank => 'rank');
SELECT cache_ext.get_merged_config('ann', 'banner');
SELECT t.elsewhere($$UPDATE shop.ranks SET rank = 7 WHERE scope_type = 'USER'$$);
SELECT cache_ext.get_merged_config('ann', 'banner');
-- Attached policies over the extension's own fragments.
SELECT cache_ext.detach('shop.fragments');
SELECT cache_ext.detach('shop.users');
INSERT INTO shop.ranks VALUES ('theme', 'public', 1), ('theme', 'user', 2);
SELECT cache_ext.get_merged_config('alice', 'theme');
INSERT INTO shop.ranks VALUES ('theme', 'domain', 3);
SELECT cache_ext.get_merged_config('alice', 'theme');
SELECT cache_ext.detach('shop.ranks');
DELETE FROM cache_ext.scope_types WHERE scope_type = upper(scope_type);
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
