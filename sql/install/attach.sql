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

CREATE FUNCTION cache_ext.sources_rows(OUT part text, OUT relation regclass, OUT attached boolean, OUT columns text, OUT triggers text, OUT suspended boolean, OUT reason text, OUT hint text)
RETURNS SETOF record LANGUAGE c STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cache_ext_sources';
COMMENT ON FUNCTION cache_ext.sources_rows() IS 'Rows of the view sources';

CREATE VIEW cache_ext.sources AS
SELECT s.part, s.relation, s.attached, s.columns, s.triggers, s.suspended, s.reason, s.hint FROM cache_ext.sources_rows() s;
COMMENT ON VIEW cache_ext.sources IS 'The tables that are read, and whether all that happens to them is noticed';
COMMENT ON COLUMN cache_ext.sources.part IS 'The part that the table plays: what is read from it';
COMMENT ON COLUMN cache_ext.sources.relation IS 'The table';
COMMENT ON COLUMN cache_ext.sources.attached IS 'Whether it was attached, or is one of the extension''s own';
COMMENT ON COLUMN cache_ext.sources.columns IS 'The columns that are read of a table that was attached';
COMMENT ON COLUMN cache_ext.sources.triggers IS 'whole, or what is wrong with them';
COMMENT ON COLUMN cache_ext.sources.suspended IS 'Whether nothing is cached because of it';
COMMENT ON COLUMN cache_ext.sources.reason IS 'Why it is suspended';
COMMENT ON COLUMN cache_ext.sources.hint IS 'What to do about it';
