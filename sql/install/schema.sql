-- What comes before everything else: where to run this, as whom, and in which schema.

\echo Use "CREATE EXTENSION cache_ext" to load this file. \quit

-- Names without a schema are PostgreSQL's own, whatever somebody has put into this
-- one before.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

-- The owner of a schema can drop what is in it, and put other things in its place.
DO $$
DECLARE
  owner name := (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = 'cache_ext');
BEGIN
  IF owner <> current_user THEN
    RAISE EXCEPTION USING
      ERRCODE = 'insufficient_privilege',
      MESSAGE = 'schema "cache_ext" is not owned by the role that creates the extension',
      DETAIL = format('It is owned by role "%s", which could replace what the extension has in it.', owner),
      HINT = 'Drop the schema, which the extension creates, or look at what is in it and use ALTER SCHEMA cache_ext OWNER TO CURRENT_USER.';
  END IF;
END
$$;

-- Nothing is granted to PUBLIC, of what follows and of nothing else.
REVOKE ALL ON SCHEMA cache_ext FROM PUBLIC;
