-- Rows are found whatever indexes a table has and however it is partitioned: each
-- read gives those whose texts are the ones asked for.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE SCHEMA x;
CREATE COLLATION x.insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION x.letters (provider = icu, locale = 'und');
-- Of few letters, in an order of their own: what is equal for it has other texts.
CREATE FUNCTION x.compare(text, text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT sign(length($2) - length($1))::int $$;
CREATE FUNCTION x.equal(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT length($1) = length($2) $$;
CREATE FUNCTION x.less(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT length($1) > length($2) $$;
CREATE OPERATOR x.== (FUNCTION = x.equal, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR x.<< (FUNCTION = x.less, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR CLASS x.by_length FOR TYPE text USING btree AS OPERATOR 1 x.<<, OPERATOR 3 x.==, FUNCTION 1 x.compare(text, text);

CREATE TABLE x.rows (kind text, owner text COLLATE "C", name text COLLATE "C", extra int, doc jsonb);
INSERT INTO x.rows SELECT 'user', u, n, i, jsonb_build_object(u, n) FROM unnest('{a,A,b,B,_x,_,ä,Z,z,ab,AB,"a ",all}'::text[]) WITH ORDINALITY u (u, i), unnest('{n,N,m}'::text[]) n;
INSERT INTO x.rows SELECT 'public', NULL, n, 0, jsonb_build_object('public', n) FROM unnest('{n,N,m}'::text[]) n;
-- One that is public by its kind, and somebody's.
INSERT INTO x.rows VALUES ('public', 'a', 'n', 0, '{"other": 1}');
-- Reads that differ from what is asked for.
CREATE FUNCTION x.wrong() RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM (SELECT DISTINCT coalesce(r.owner, 'nobody') AS u FROM x.rows r) u, (SELECT DISTINCT r.name AS n FROM x.rows r) n
   WHERE cache_ext.compute_config(u.u, n.n) IS DISTINCT FROM
         (SELECT jsonb_object_agg(e.key, e.value) FROM x.rows r, jsonb_each(r.doc) e WHERE r.name = n.n AND (r.kind = 'public' AND r.owner IS NULL OR r.kind = 'user' AND r.owner = u.u))
$$;

-- Indexes.
CREATE TABLE x.docs (LIKE x.rows);
INSERT INTO x.docs TABLE x.rows;
SELECT cache_ext.attach_fragments('x.docs', 'kind', 'owner', 'name', 'doc');
CREATE FUNCTION x.with_index(definition text, OUT wrong bigint, OUT is_used boolean) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE 'CREATE INDEX docs_index ON x.docs ' || definition;
  wrong := x.wrong();
  is_used := (SELECT seq_scans = 0 FROM t.scans($q$SELECT cache_ext.compute_config('a', 'n')$q$, 'x') WHERE tab = 'docs');
  DROP INDEX x.docs_index;
END
$$;
SELECT i.definition, w.* FROM unnest(ARRAY['(owner)', '(owner, name, kind)', '(name, extra, owner)', '(extra, owner)', '(owner DESC NULLS FIRST, name)', '(owner text_pattern_ops)',
  '(owner COLLATE x.letters, name)', '(name COLLATE x.letters, owner COLLATE "C" DESC)', '(owner COLLATE x.insensitive, name)', '(owner x.by_length)', '(name, owner x.by_length)',
  '(owner) WHERE kind = ''user''', '(owner) INCLUDE (name)', '((owner || name))', '(name, (owner || ''''), owner)', 'USING hash (owner)']) i (definition), x.with_index(i.definition) w;
SELECT x.wrong();
-- The one that leads to few rows.
CREATE INDEX docs_name ON x.docs (name);
CREATE INDEX docs_owner ON x.docs (owner);
CREATE INDEX docs_kind ON x.docs (kind);
CREATE FUNCTION x.used() RETURNS SETOF name LANGUAGE sql AS $$
  SELECT s.relname FROM pg_index i, pg_class s WHERE i.indrelid = 'x.docs'::regclass AND s.oid = i.indexrelid AND pg_stat_get_xact_numscans(s.oid) > 0
$$;
BEGIN;
SELECT cache_ext.compute_config('a', 'n');
SELECT x.used();
COMMIT;
SELECT cache_ext.detach('x.docs');
DROP TABLE x.docs;

-- Partitions.
CREATE FUNCTION x.partitioned(key text, VARIADIC bounds text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  wrong bigint;
BEGIN
  EXECUTE 'CREATE TABLE x.docs (LIKE x.rows) PARTITION BY ' || key;
  FOR i IN 1 .. cardinality(bounds) LOOP
    EXECUTE format('CREATE TABLE x.docs_%s PARTITION OF x.docs %s', i, bounds[i]);
  END LOOP;
  INSERT INTO x.docs TABLE x.rows;
  PERFORM cache_ext.attach_fragments('x.docs', 'kind', 'owner', 'name', 'doc');
  wrong := x.wrong();
  PERFORM cache_ext.detach('x.docs');
  DROP TABLE x.docs;
  RETURN wrong;
END
$$;
SELECT x.partitioned('LIST (owner)', $$FOR VALUES IN ('a', 'B')$$, $$FOR VALUES IN (NULL, 'z')$$, 'DEFAULT') AS a_null_of_its_own,
  x.partitioned('LIST (owner)', $$FOR VALUES IN ('a')$$, 'DEFAULT') AS nulls_by_default,
  x.partitioned('LIST (owner COLLATE x.insensitive)', $$FOR VALUES IN ('a', 'b')$$, 'DEFAULT') AS insensitive,
  x.partitioned('LIST (kind)', $$FOR VALUES IN ('public')$$, 'DEFAULT') AS the_rest,
  x.partitioned('LIST (extra)', 'FOR VALUES IN (0, 1)', 'DEFAULT') AS not_asked_for;
SELECT x.partitioned('RANGE (owner)', $$FOR VALUES FROM (MINVALUE) TO ('a')$$, $$FOR VALUES FROM ('a') TO ('b')$$, $$FOR VALUES FROM ('b') TO (MAXVALUE)$$, 'DEFAULT') AS whole,
  x.partitioned('RANGE (owner)', $$FOR VALUES FROM ('B') TO ('_')$$, $$FOR VALUES FROM ('a') TO ('ab')$$, 'DEFAULT') AS with_gaps,
  x.partitioned('RANGE (owner COLLATE x.letters)', $$FOR VALUES FROM ('a') TO ('B')$$, $$FOR VALUES FROM ('B') TO ('z')$$, 'DEFAULT') AS of_another_order,
  x.partitioned('RANGE (name, owner)', $$FOR VALUES FROM ('m', 'a') TO ('n', 'b')$$, $$FOR VALUES FROM ('n', 'b') TO (MAXVALUE, MAXVALUE)$$, 'DEFAULT') AS of_two,
  x.partitioned('RANGE (name, extra)', $$FOR VALUES FROM ('m', 3) TO ('n', 1)$$, $$FOR VALUES FROM ('n', 1) TO ('n', 5)$$, 'DEFAULT') AS of_one_and_another;
SELECT x.partitioned('HASH (owner)', 'FOR VALUES WITH (MODULUS 3, REMAINDER 0)', 'FOR VALUES WITH (MODULUS 3, REMAINDER 1)', 'FOR VALUES WITH (MODULUS 6, REMAINDER 2)', 'FOR VALUES WITH (MODULUS 6, REMAINDER 5)') AS one,
  x.partitioned('HASH (owner, name)', 'FOR VALUES WITH (MODULUS 2, REMAINDER 0)', 'FOR VALUES WITH (MODULUS 2, REMAINDER 1)') AS two,
  x.partitioned('HASH (owner, extra)', 'FOR VALUES WITH (MODULUS 2, REMAINDER 0)', 'FOR VALUES WITH (MODULUS 2, REMAINDER 1)') AS one_and_another;
-- A partition that is missing has no rows.
DELETE FROM x.rows WHERE owner IS NULL OR owner NOT IN ('a', 'b');
SELECT x.partitioned('LIST (owner)', $$FOR VALUES IN ('a')$$, $$FOR VALUES IN ('b')$$) AS list, x.partitioned('RANGE (owner)', $$FOR VALUES FROM ('a') TO ('bb')$$) AS range;
DROP SCHEMA x CASCADE;
