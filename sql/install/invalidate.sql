--
-- Invalidation by hand
--

CREATE FUNCTION cache_ext.invalidate_all() RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_all';
COMMENT ON FUNCTION cache_ext.invalidate_all() IS 'Invalidates everything in this database when the transaction commits';

CREATE FUNCTION cache_ext.invalidate_scope(scope_type text, scope_id text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_scope';
COMMENT ON FUNCTION cache_ext.invalidate_scope(text, text) IS 'Invalidates what fragments of a scope contribute to, when the transaction commits; scope_id is null for scope types keyed by none';

CREATE FUNCTION cache_ext.invalidate_policy(config_name text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_name';
COMMENT ON FUNCTION cache_ext.invalidate_policy(text) IS 'Invalidates what the policy of a config name governs, when the transaction commits';

CREATE FUNCTION cache_ext.invalidate_name(config_name text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_name';
COMMENT ON FUNCTION cache_ext.invalidate_name(text) IS 'Invalidates a config name for everybody, when the transaction commits';

CREATE FUNCTION cache_ext.invalidate_user(user_id text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_user';
COMMENT ON FUNCTION cache_ext.invalidate_user(text) IS 'Invalidates all configurations of a user, when the transaction commits';

CREATE FUNCTION cache_ext.invalidate_domain(domain_id text) RETURNS void LANGUAGE c
AS 'MODULE_PATHNAME', 'cache_ext_invalidate_domain';
COMMENT ON FUNCTION cache_ext.invalidate_domain(text) IS 'Invalidates all configurations of a domain''s users, when the transaction commits';
