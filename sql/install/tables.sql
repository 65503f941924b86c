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

CREATE TABLE cache_ext.attached (
  part text COLLATE "C" PRIMARY KEY
    CHECK (part IN ('policies', 'fragments', 'users', 'domains')),
  relation regclass NOT NULL UNIQUE,
  columns cache_ext.regcolumn[] NOT NULL,
  public_id text
);
COMMENT ON TABLE cache_ext.attached IS 'Tables that are read instead of the extension''s own; written by attach_* and detach';
COMMENT ON COLUMN cache_ext.attached.part IS 'The part that it plays; domains is where users'' domains are looked up';
COMMENT ON COLUMN cache_ext.attached.relation IS 'The table';
COMMENT ON COLUMN cache_ext.attached.columns IS 'The columns that are read, in the order of the part''s';
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
-- Those that look into another table do so as its owner: a role that may write to
-- the one table need not be able to read the other.
--

-- If a built-in row was changed, a dump brings it back by COPY, into a table that has
-- the row already: the row is changed then, not added.
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
COMMENT ON FUNCTION cache_ext.source_statement() IS 'Trigger function: makes the transaction read through while the query is under way; invalidates everything on TRUNCATE';

CREATE FUNCTION cache_ext.source_before_row() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'cache_ext_source_before_row';
COMMENT ON FUNCTION cache_ext.source_before_row() IS 'Trigger function: makes the transaction read through while the query is under way, for partitioned tables';

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
