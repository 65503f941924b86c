-- The merge, written independently of the extension: what the cache is held
-- against.  Everything is STABLE, so that it reads under its caller's snapshot.

CREATE SCHEMA reference;

CREATE FUNCTION reference.deep(low jsonb, high jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  k text;
  v jsonb;
BEGIN
  IF jsonb_typeof(low) <> 'object' OR jsonb_typeof(high) <> 'object' THEN
    RETURN high;
  END IF;
  FOR k, v IN SELECT * FROM jsonb_each(high) LOOP
    IF low ? k THEN
      v := reference.deep(low -> k, v);
    END IF;
    low := low || jsonb_build_object(k, v);
  END LOOP;
  RETURN low;
END
$$;

-- RFC 7396, as its pseudocode has it; a target of NULL is none.
CREATE FUNCTION reference.patch(target jsonb, patch jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  k text;
  v jsonb;
BEGIN
  IF jsonb_typeof(patch) <> 'object' THEN
    RETURN patch;
  END IF;
  IF target IS NULL OR jsonb_typeof(target) <> 'object' THEN
    target := '{}';
  END IF;
  FOR k, v IN SELECT * FROM jsonb_each(patch) LOOP
    IF v = 'null' THEN
      target := target - k;
    ELSE
      target := target || jsonb_build_object(k, reference.patch(target -> k, v));
    END IF;
  END LOOP;
  RETURN target;
END
$$;

CREATE FUNCTION reference.combine(strategy text, low jsonb, high jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF strategy = 'merge_patch' THEN
    RETURN reference.patch(low, high);
  ELSIF low IS NULL OR strategy = 'replace'
        OR jsonb_typeof(low) <> 'object' OR jsonb_typeof(high) <> 'object' THEN
    RETURN high;
  ELSIF strategy = 'shallow' THEN
    RETURN low || high;
  END IF;
  RETURN reference.deep(low, high);
END
$$;

-- Documents merged deep, lowest first.
CREATE FUNCTION reference.fold(docs jsonb[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  result jsonb;
  doc jsonb;
BEGIN
  FOREACH doc IN ARRAY coalesce(docs, '{}') LOOP
    result := reference.combine('deep', result, doc);
  END LOOP;
  RETURN result;
END
$$;

-- The merge for a user, or before login where there is none.
CREATE FUNCTION reference.merge(u text, n text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
  result jsonb;
  f record;
BEGIN
  FOR f IN
    SELECT d.merge_strategy, x.config
      FROM cache_ext.config_definitions d
      JOIN cache_ext.config_policies p ON p.config_name = d.config_name
      JOIN cache_ext.scope_types t ON t.scope_type = p.scope_type
      JOIN cache_ext.config_fragments x ON x.config_name = p.config_name AND x.scope_type = p.scope_type
     WHERE d.config_name = n
       AND CASE t.keyed_by
             WHEN 'none' THEN x.scope_id IS NULL
             WHEN 'domain' THEN x.scope_id = (SELECT w.domain_id FROM cache_ext.users w WHERE w.user_id = u)
             ELSE x.scope_id = u
           END
     ORDER BY coalesce(p.rank, t.default_rank), p.scope_type COLLATE "C"
  LOOP
    result := reference.combine(f.merge_strategy, result, f.config);
  END LOOP;
  RETURN result;
END
$$;

-- Ends a client of the stress test, and the run, at the first mismatch.
CREATE FUNCTION reference.assert_exact(cached jsonb, expected jsonb, u text, n text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF cached IS DISTINCT FROM expected THEN
    RAISE EXCEPTION 'MISMATCH for user % and name %: cached %, expected %', u, n, cached, expected;
  END IF;
  RETURN true;
END
$$;
