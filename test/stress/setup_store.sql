-- For the store: large documents, more than fit, that show by themselves whether
-- they are whole and whose they are.

CREATE SCHEMA stress;

CREATE FUNCTION stress.big_document(u text) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
  SELECT jsonb_build_object('user', u, 'body', repeat(chr(97 + n % 26), size), 'size', size, 'final', size)
    FROM (SELECT (random() * 1000000)::int) r (n), LATERAL (SELECT CASE WHEN n % 10 = 0 THEN n % 30000 ELSE 30000 END) s (size)
$$;
CREATE FUNCTION stress.assert_whole(d jsonb, u text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF d ->> 'user' IS DISTINCT FROM u OR d -> 'size' IS DISTINCT FROM d -> 'final'
     OR length(d ->> 'body') IS DISTINCT FROM (d ->> 'size')::int
     OR ltrim(d ->> 'body', left(d ->> 'body', 1)) <> '' THEN
    RAISE EXCEPTION 'MISMATCH for user %: the document is not whole: %', u, left(d::text, 200);
  END IF;
  RETURN true;
END
$$;
INSERT INTO cache_ext.config_definitions VALUES ('big');
INSERT INTO cache_ext.config_policies VALUES ('big', 'user');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'user', 'b' || i, 'big', stress.big_document('b' || i) FROM generate_series(1, 1000) i;
ANALYZE;
