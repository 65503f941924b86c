-- cache_ext 1.0: merged configuration from shared memory

\echo Use "CREATE EXTENSION cache_ext" to load this file. \quit

-- Names without a schema are PostgreSQL's own, whatever somebody has put into this
-- one before.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

-- Whoever owns a schema can drop what is in it, and put other things in its place.
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

--
-- Tables
--
-- Keys are compared as bytes: their collation is "C".
--

CREATE TABLE cache_ext.scope_types (
  scope_type text COLLATE "C" PRIMARY KEY
    CHECK (octet_length(scope_type) BETWEEN 1 AND 512),
  keyed_by text NOT NULL CHECK (keyed_by IN ('none', 'domain', 'user')),
  default_rank integer NOT NULL
);
COMMENT ON TABLE cache_ext.scope_types IS 'Kinds of scope that a fragment can belong to';
COMMENT ON COLUMN cache_ext.scope_types.scope_type IS 'Name of the scope type';
COMMENT ON COLUMN cache_ext.scope_types.keyed_by IS 'What a fragment''s scope_id names: none, a domain or a user';
COMMENT ON COLUMN cache_ext.scope_types.default_rank IS 'Rank where a policy gives none; the higher rank wins';

INSERT INTO cache_ext.scope_types VALUES
  ('public', 'none', 100),
  ('domain', 'domain', 200),
  ('domain_user_defaults', 'domain', 250),
  ('user', 'user', 300);

CREATE TABLE cache_ext.config_definitions (
  config_name text COLLATE "C" PRIMARY KEY
    CHECK (octet_length(config_name) BETWEEN 1 AND 512),
  merge_strategy text NOT NULL DEFAULT 'deep'
    CHECK (merge_strategy IN ('deep', 'shallow', 'replace', 'merge_patch')),
  ttl interval CHECK (ttl > interval '0')
);
COMMENT ON TABLE cache_ext.config_definitions IS 'Config names, and how their fragments are merged';
COMMENT ON COLUMN cache_ext.config_definitions.config_name IS 'Name of the configuration';
COMMENT ON COLUMN cache_ext.config_definitions.merge_strategy IS 'deep, shallow, replace or merge_patch';
COMMENT ON COLUMN cache_ext.config_definitions.ttl IS 'Time after which a cached result is computed anew; null: cache_ext.default_ttl';

CREATE TABLE cache_ext.config_policies (
  config_name text COLLATE "C"
    REFERENCES cache_ext.config_definitions ON UPDATE CASCADE ON DELETE CASCADE,
  scope_type text COLLATE "C"
    REFERENCES cache_ext.scope_types ON UPDATE CASCADE ON DELETE CASCADE,
  rank integer,
  PRIMARY KEY (config_name, scope_type)
);
COMMENT ON TABLE cache_ext.config_policies IS 'Which scope types contribute to a config name; deleting a row deletes its fragments';
COMMENT ON COLUMN cache_ext.config_policies.config_name IS 'Name of the configuration';
COMMENT ON COLUMN cache_ext.config_policies.scope_type IS 'Scope type that may contribute';
COMMENT ON COLUMN cache_ext.config_policies.rank IS 'The higher rank wins; null: the scope type''s default_rank';

CREATE TABLE cache_ext.config_fragments (
  scope_type text COLLATE "C" NOT NULL,
  scope_id text COLLATE "C" CHECK (octet_length(scope_id) BETWEEN 1 AND 512),
  config_name text COLLATE "C" NOT NULL,
  config jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- In the order in which a fill looks fragments up.
  UNIQUE NULLS NOT DISTINCT (config_name, scope_type, scope_id),
  FOREIGN KEY (config_name, scope_type) REFERENCES cache_ext.config_policies
    ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE cache_ext.config_fragments IS 'JSON documents, each at a scope and a config name';
COMMENT ON COLUMN cache_ext.config_fragments.scope_type IS 'Scope type';
COMMENT ON COLUMN cache_ext.config_fragments.scope_id IS 'Domain id or user id; null exactly where the scope type is keyed by none';
COMMENT ON COLUMN cache_ext.config_fragments.config_name IS 'Name of the configuration';
COMMENT ON COLUMN cache_ext.config_fragments.config IS 'The document';
COMMENT ON COLUMN cache_ext.config_fragments.updated_at IS 'Time of the last change, set by a trigger; the merge does not read it';

CREATE TABLE cache_ext.users (
  user_id text COLLATE "C" PRIMARY KEY
    CHECK (octet_length(user_id) BETWEEN 1 AND 512),
  domain_id text COLLATE "C" CHECK (octet_length(domain_id) BETWEEN 1 AND 512)
);
COMMENT ON TABLE cache_ext.users IS 'Which domain a user belongs to';
COMMENT ON COLUMN cache_ext.users.user_id IS 'User id';
COMMENT ON COLUMN cache_ext.users.domain_id IS 'The user''s domain, or null';

-- To columns what regclass is to tables: what is attached follows a column that
-- is renamed, and comes back from a dump.
CREATE TYPE cache_ext.regcolumn;
CREATE FUNCTION cache_ext.regcolumn_in(cstring) RETURNS cache_ext.regcolumn
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cache_ext_regcolumn_in';
COMMENT ON FUNCTION cache_ext.regcolumn_in(cstring) IS 'Input function of type regcolumn';
CREATE FUNCTION cache_ext.regcolumn_out(cache_ext.regcolumn) RETURNS cstring
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cache_ext_regcolumn_out';
COMMENT ON FUNCTION cache_ext.regcolumn_out(cache_ext.regcolumn) IS 'Output function of type regcolumn';
CREATE TYPE cache_ext.regcolumn (
  INPUT = cache_ext.regcolumn_in,
  OUTPUT = cache_ext.regcolumn_out,
  INTERNALLENGTH = 8,
  ALIGNMENT = int4
);
COMMENT ON TYPE cache_ext.regcolumn IS 'A column, schema.table.column; "-" is none';

CREATE TABLE cache_ext.attached (
  role text COLLATE "C" PRIMARY KEY
    CHECK (role IN ('policies', 'fragments', 'users', 'domains')),
  relation regclass NOT NULL UNIQUE,
  columns cache_ext.regcolumn[] NOT NULL,
  public_id text
);
COMMENT ON TABLE cache_ext.attached IS 'Tables that are read instead of the extension''s own; written by attach_* and detach';
COMMENT ON COLUMN cache_ext.attached.role IS 'Whose place it takes; domains is where users'' domains are looked up';
COMMENT ON COLUMN cache_ext.attached.relation IS 'The table';
COMMENT ON COLUMN cache_ext.attached.columns IS 'The columns that are read, in the order of the role''s';
COMMENT ON COLUMN cache_ext.attached.public_id IS 'scope_id of fragments keyed by none; null means null';

-- Rows that came with the extension are not dumped unless they were changed.
SELECT pg_catalog.pg_extension_config_dump('cache_ext.scope_types',
  $$WHERE (scope_type, keyed_by, default_rank) NOT IN (('public', 'none', 100), ('domain', 'domain', 200), ('domain_user_defaults', 'domain', 250), ('user', 'user', 300))$$);
SELECT pg_catalog.pg_extension_config_dump('cache_ext.config_definitions', '');
SELECT pg_catalog.pg_extension_config_dump('cache_ext.config_policies', '');
SELECT pg_catalog.pg_extension_config_dump('cache_ext.config_fragments', '');
SELECT pg_catalog.pg_extension_config_dump('cache_ext.users', '');
SELECT pg_catalog.pg_extension_config_dump('cache_ext.attached', '');

--
-- Constraints that take a trigger
--
-- Those that look into another table do so as its owner: who may write the one
-- need not be able to read the other.
--

-- A changed built-in row comes back from a dump by COPY, where the row is
-- already: the row is changed then, not added.
CREATE FUNCTION cache_ext.scope_types_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.scope_type IN ('public', 'domain', 'domain_user_defaults', 'user') THEN
    UPDATE cache_ext.scope_types
       SET keyed_by = NEW.keyed_by, default_rank = NEW.default_rank
     WHERE scope_type = NEW.scope_type;
    IF FOUND THEN
      RETURN NULL;
    END IF;
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION cache_ext.scope_types_insert() IS 'Trigger function: inserting a built-in scope type changes it';

CREATE TRIGGER scope_types_insert BEFORE INSERT ON cache_ext.scope_types
  FOR EACH ROW EXECUTE FUNCTION cache_ext.scope_types_insert();
ALTER TABLE cache_ext.scope_types ENABLE ALWAYS TRIGGER scope_types_insert;

CREATE FUNCTION cache_ext.scope_types_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM cache_ext.config_fragments f WHERE f.scope_type = OLD.scope_type) THEN
    RAISE EXCEPTION USING
      ERRCODE = 'dependent_objects_still_exist',
      MESSAGE = format('cannot change what scope type "%s" is keyed by because fragments use it', OLD.scope_type),
      HINT = 'Delete its fragments first.';
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION cache_ext.scope_types_update() IS 'Trigger function: what a scope type is keyed by is fixed while fragments use it';

CREATE TRIGGER scope_types_update BEFORE UPDATE OF keyed_by ON cache_ext.scope_types
  FOR EACH ROW WHEN (OLD.keyed_by IS DISTINCT FROM NEW.keyed_by)
  EXECUTE FUNCTION cache_ext.scope_types_update();

CREATE FUNCTION cache_ext.config_fragments_check() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  keyed text;
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
    NEW.updated_at := now();
  END IF;
  SELECT t.keyed_by INTO keyed FROM cache_ext.scope_types t WHERE t.scope_type = NEW.scope_type;
  -- An unknown scope type is left to the foreign key.
  IF keyed = 'none' AND NEW.scope_id IS NOT NULL THEN
    RAISE EXCEPTION USING
      ERRCODE = 'check_violation',
      MESSAGE = format('a fragment of scope type "%s" has no scope_id', NEW.scope_type),
      DETAIL = format('The scope_id is "%s".', NEW.scope_id),
      HINT = 'Leave scope_id null.';
  ELSIF keyed <> 'none' AND NEW.scope_id IS NULL THEN
    RAISE EXCEPTION USING
      ERRCODE = 'check_violation',
      MESSAGE = format('a fragment of scope type "%s" needs a scope_id', NEW.scope_type),
      HINT = format('Set scope_id to the id of a %s.', keyed);
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION cache_ext.config_fragments_check() IS 'Trigger function: scope_id is null exactly where the scope type is keyed by none; sets updated_at';

CREATE TRIGGER config_fragments_check BEFORE INSERT OR UPDATE ON cache_ext.config_fragments
  FOR EACH ROW EXECUTE FUNCTION cache_ext.config_fragments_check();

--
-- Triggers that invalidate
--

CREATE FUNCTION cache_ext.source_row() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cache_ext_source_row';
COMMENT ON FUNCTION cache_ext.source_row() IS 'Trigger function: collects what a changed row invalidates';

CREATE FUNCTION cache_ext.source_statement() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cache_ext_source_statement';
COMMENT ON FUNCTION cache_ext.source_statement() IS 'Trigger function: makes the transaction read through; invalidates everything on TRUNCATE';

CREATE FUNCTION cache_ext.source_before_row() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cache_ext_source_before_row';
COMMENT ON FUNCTION cache_ext.source_before_row() IS 'Trigger function: makes the transaction read through, for partitioned tables';

DO $$
DECLARE
  source text;
BEGIN
  FOREACH source IN ARRAY ARRAY['attached', 'scope_types', 'config_definitions', 'config_policies', 'config_fragments', 'users'] LOOP
    EXECUTE format('CREATE TRIGGER cache_ext_row AFTER INSERT OR UPDATE OR DELETE ON cache_ext.%I FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row()', source);
    EXECUTE format('CREATE TRIGGER cache_ext_statement BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON cache_ext.%I FOR EACH STATEMENT EXECUTE FUNCTION cache_ext.source_statement()', source);
    EXECUTE format('ALTER TABLE cache_ext.%I ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement', source);
  END LOOP;
END
$$;

--
-- Reads.  A hit costs as much as some ten of the planner's cheap operators.
--

CREATE FUNCTION cache_ext.get_merged_config(user_id text, config_name text, missing_ok boolean DEFAULT true)
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_config';
COMMENT ON FUNCTION cache_ext.get_merged_config(text, text, boolean) IS 'The merge of the fragments that apply to a user; null where there is none, or an error unless missing_ok';

CREATE FUNCTION cache_ext.get_merged_config_json(user_id text, config_name text, missing_ok boolean DEFAULT true)
RETURNS json LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_config_json';
COMMENT ON FUNCTION cache_ext.get_merged_config_json(text, text, boolean) IS 'As get_merged_config, rendered once when it is cached: for clients that want text';

CREATE FUNCTION cache_ext.get_merged_configs_support(internal) RETURNS internal LANGUAGE c STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_configs_support';
COMMENT ON FUNCTION cache_ext.get_merged_configs_support(internal) IS 'Tells the planner how many rows get_merged_configs gives';

CREATE FUNCTION cache_ext.get_merged_configs(user_id text, config_names text[])
RETURNS TABLE (config_name text, config jsonb) LANGUAGE c STABLE PARALLEL SAFE COST 100
SUPPORT cache_ext.get_merged_configs_support
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_configs';
COMMENT ON FUNCTION cache_ext.get_merged_configs(text, text[]) IS 'get_merged_config for several names, a row each in the order of the names';

CREATE FUNCTION cache_ext.get_merged_configs_json(user_id text, config_names text[])
RETURNS json LANGUAGE c STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_configs_json';
COMMENT ON FUNCTION cache_ext.get_merged_configs_json(text, text[]) IS 'get_merged_config_json for several names, as one object: for a bootstrap';

CREATE FUNCTION cache_ext.get_public_config(config_name text)
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_public_config';
COMMENT ON FUNCTION cache_ext.get_public_config(text) IS 'The merge before login: fragments of scope types keyed by none only';

CREATE FUNCTION cache_ext.get_config_value(user_id text, config_name text, VARIADIC path text[])
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_config_value';
COMMENT ON FUNCTION cache_ext.get_config_value(text, text, text[]) IS 'What the operator #> finds at a path of the merge';

--
-- Attaching
--

CREATE FUNCTION cache_ext.attach_fragments(
  rel regclass,
  scope_type name DEFAULT 'scope_type',
  scope_id name DEFAULT 'scope_id',
  config_name name DEFAULT 'config_name',
  config name DEFAULT 'config',
  public_id text DEFAULT NULL
) RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'cache_ext_attach_fragments';
COMMENT ON FUNCTION cache_ext.attach_fragments(regclass, name, name, name, name, text) IS 'Reads fragments from a table of yours; public_id is the scope_id of those keyed by none';

CREATE FUNCTION cache_ext.attach_policies(
  rel regclass,
  config_name name DEFAULT 'config_name',
  scope_type name DEFAULT NULL,
  rank name DEFAULT NULL,
  scope_sources name DEFAULT NULL
) RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'cache_ext_attach_policies';
COMMENT ON FUNCTION cache_ext.attach_policies(regclass, name, name, name, name) IS 'Reads policies from a table of yours: a row for each scope type, or an array of them, lowest first';

CREATE FUNCTION cache_ext.attach_users(
  rel regclass,
  user_id name DEFAULT 'user_id',
  domain_id name DEFAULT 'domain_id',
  domains regclass DEFAULT NULL,
  domain_key name DEFAULT 'name',
  domain_value name DEFAULT 'id'
) RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'cache_ext_attach_users';
COMMENT ON FUNCTION cache_ext.attach_users(regclass, name, name, regclass, name, name) IS 'Reads users from a table of yours; with domains, domain_id is looked up there in domain_key, and the domain is its domain_value';

CREATE FUNCTION cache_ext.detach(rel regclass) RETURNS void LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'cache_ext_detach';
COMMENT ON FUNCTION cache_ext.detach(regclass) IS 'Reads the extension''s own table again instead of one that was attached';

CREATE FUNCTION cache_ext.sources_rows(OUT role text, OUT relation regclass, OUT attached boolean, OUT columns text, OUT triggers text, OUT suspended boolean, OUT reason text, OUT hint text)
RETURNS SETOF record LANGUAGE c STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_sources';
COMMENT ON FUNCTION cache_ext.sources_rows() IS 'Rows of the view sources';

CREATE VIEW cache_ext.sources AS
SELECT s.role, s.relation, s.attached, s.columns, s.triggers, s.suspended, s.reason, s.hint FROM cache_ext.sources_rows() s;
COMMENT ON VIEW cache_ext.sources IS 'The tables that are read, and whether all that happens to them is noticed';
COMMENT ON COLUMN cache_ext.sources.role IS 'What is read from the table';
COMMENT ON COLUMN cache_ext.sources.relation IS 'The table';
COMMENT ON COLUMN cache_ext.sources.attached IS 'Whether it was attached, or is one of the extension''s own';
COMMENT ON COLUMN cache_ext.sources.columns IS 'The columns that are read';
COMMENT ON COLUMN cache_ext.sources.triggers IS 'whole, or what is wrong with them';
COMMENT ON COLUMN cache_ext.sources.suspended IS 'Whether nothing is cached because of it';
COMMENT ON COLUMN cache_ext.sources.reason IS 'Why it is suspended';
COMMENT ON COLUMN cache_ext.sources.hint IS 'What to do about it';

--
-- Administration
--

CREATE FUNCTION cache_ext.invalidate_all() RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_all';
COMMENT ON FUNCTION cache_ext.invalidate_all() IS 'Invalidates everything in this database when the transaction commits';

CREATE FUNCTION cache_ext.stats_rows(OUT name text, OUT value bigint, OUT description text)
RETURNS SETOF record LANGUAGE c STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_stats';
COMMENT ON FUNCTION cache_ext.stats_rows() IS 'Rows of the view stats';

CREATE FUNCTION cache_ext.memory_rows(OUT name text, OUT value bigint, OUT description text)
RETURNS SETOF record LANGUAGE c STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_memory';
COMMENT ON FUNCTION cache_ext.memory_rows() IS 'Rows of the view memory';

CREATE VIEW cache_ext.stats AS
WITH counters AS MATERIALIZED (SELECT * FROM cache_ext.stats_rows())
SELECT c.name, c.value::numeric AS value, c.description FROM counters c
UNION ALL
SELECT 'hit_ratio',
       (SELECT round(sum(c.value) FILTER (WHERE c.name = 'hits') / nullif(sum(c.value), 0), 4)
          FROM counters c WHERE c.name IN ('hits', 'fills') OR c.name LIKE 'read\_through\_%'),
       'hits among all reads: hits, fills, read_through_*';
COMMENT ON VIEW cache_ext.stats IS 'What the cache did since the server started, in all databases';
COMMENT ON COLUMN cache_ext.stats.name IS 'Name of the counter';
COMMENT ON COLUMN cache_ext.stats.value IS 'Its value';
COMMENT ON COLUMN cache_ext.stats.description IS 'What it counts';

CREATE VIEW cache_ext.memory AS
SELECT m.name, m.value, m.description FROM cache_ext.memory_rows() m;
COMMENT ON VIEW cache_ext.memory IS 'What the cache''s shared memory is used for; empty where there is none';
COMMENT ON COLUMN cache_ext.memory.name IS 'Name of the figure';
COMMENT ON COLUMN cache_ext.memory.value IS 'Bytes, or a number of entries';
COMMENT ON COLUMN cache_ext.memory.description IS 'What it is';

--
-- Privileges
--

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cache_ext FROM PUBLIC;
GRANT USAGE ON SCHEMA cache_ext TO pg_monitor;
GRANT EXECUTE ON FUNCTION cache_ext.stats_rows(), cache_ext.memory_rows(), cache_ext.sources_rows() TO pg_monitor;
GRANT SELECT ON cache_ext.stats, cache_ext.memory, cache_ext.sources TO pg_monitor;
