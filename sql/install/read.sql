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
COMMENT ON FUNCTION cache_ext.get_merged_configs_support(internal) IS 'Tells the planner how many rows get_merged_configs and its like give';

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

CREATE FUNCTION cache_ext.get_public_configs(config_names text[])
RETURNS TABLE (config_name text, config jsonb) LANGUAGE c STABLE PARALLEL SAFE COST 100
SUPPORT cache_ext.get_merged_configs_support
AS 'MODULE_PATHNAME', 'cache_ext_get_public_configs';
COMMENT ON FUNCTION cache_ext.get_public_configs(text[]) IS 'get_public_config for several names, a row each in the order of the names';

CREATE FUNCTION cache_ext.get_public_configs_json(config_names text[])
RETURNS json LANGUAGE c STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'cache_ext_get_public_configs_json';
COMMENT ON FUNCTION cache_ext.get_public_configs_json(text[]) IS 'get_public_config for several names, as one object: for a bootstrap';

CREATE FUNCTION cache_ext.get_config_value(user_id text, config_name text, VARIADIC path text[])
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_config_value';
COMMENT ON FUNCTION cache_ext.get_config_value(text, text, text[]) IS 'What the operator #> finds at a path of the merge';

CREATE FUNCTION cache_ext.get_my_config(config_name text)
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_my_config';
COMMENT ON FUNCTION cache_ext.get_my_config(text) IS 'get_merged_config for the user that the setting cache_ext.user_id names';

CREATE FUNCTION cache_ext.get_my_configs(config_names text[])
RETURNS TABLE (config_name text, config jsonb) LANGUAGE c STABLE PARALLEL SAFE COST 100
SUPPORT cache_ext.get_merged_configs_support
AS 'MODULE_PATHNAME', 'cache_ext_get_my_configs';
COMMENT ON FUNCTION cache_ext.get_my_configs(text[]) IS 'get_my_config for several names, a row each in the order of the names';

CREATE FUNCTION cache_ext.get_my_configs_json(config_names text[])
RETURNS json LANGUAGE c STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'cache_ext_get_my_configs_json';
COMMENT ON FUNCTION cache_ext.get_my_configs_json(text[]) IS 'get_my_config for several names, as one object: for a bootstrap';

-- The same by user ids of other types, which need no cast.  The preferred type of what
-- has none is text: a literal, a parameter or a null is one.

CREATE FUNCTION cache_ext.get_merged_config(user_id uuid, config_name text, missing_ok boolean DEFAULT true)
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_config_uuid';
COMMENT ON FUNCTION cache_ext.get_merged_config(uuid, text, boolean) IS 'get_merged_config by a user id of type uuid';

CREATE FUNCTION cache_ext.get_merged_config(user_id bigint, config_name text, missing_ok boolean DEFAULT true)
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_config_bigint';
COMMENT ON FUNCTION cache_ext.get_merged_config(bigint, text, boolean) IS 'get_merged_config by a user id of type bigint';

CREATE FUNCTION cache_ext.get_merged_config_json(user_id uuid, config_name text, missing_ok boolean DEFAULT true)
RETURNS json LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_config_json_uuid';
COMMENT ON FUNCTION cache_ext.get_merged_config_json(uuid, text, boolean) IS 'get_merged_config_json by a user id of type uuid';

CREATE FUNCTION cache_ext.get_merged_config_json(user_id bigint, config_name text, missing_ok boolean DEFAULT true)
RETURNS json LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_config_json_bigint';
COMMENT ON FUNCTION cache_ext.get_merged_config_json(bigint, text, boolean) IS 'get_merged_config_json by a user id of type bigint';

CREATE FUNCTION cache_ext.get_merged_configs(user_id uuid, config_names text[])
RETURNS TABLE (config_name text, config jsonb) LANGUAGE c STABLE PARALLEL SAFE COST 100
SUPPORT cache_ext.get_merged_configs_support
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_configs_uuid';
COMMENT ON FUNCTION cache_ext.get_merged_configs(uuid, text[]) IS 'get_merged_configs by a user id of type uuid';

CREATE FUNCTION cache_ext.get_merged_configs(user_id bigint, config_names text[])
RETURNS TABLE (config_name text, config jsonb) LANGUAGE c STABLE PARALLEL SAFE COST 100
SUPPORT cache_ext.get_merged_configs_support
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_configs_bigint';
COMMENT ON FUNCTION cache_ext.get_merged_configs(bigint, text[]) IS 'get_merged_configs by a user id of type bigint';

CREATE FUNCTION cache_ext.get_merged_configs_json(user_id uuid, config_names text[])
RETURNS json LANGUAGE c STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_configs_json_uuid';
COMMENT ON FUNCTION cache_ext.get_merged_configs_json(uuid, text[]) IS 'get_merged_configs_json by a user id of type uuid';

CREATE FUNCTION cache_ext.get_merged_configs_json(user_id bigint, config_names text[])
RETURNS json LANGUAGE c STABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'cache_ext_get_merged_configs_json_bigint';
COMMENT ON FUNCTION cache_ext.get_merged_configs_json(bigint, text[]) IS 'get_merged_configs_json by a user id of type bigint';

CREATE FUNCTION cache_ext.get_config_value(user_id uuid, config_name text, VARIADIC path text[])
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_config_value_uuid';
COMMENT ON FUNCTION cache_ext.get_config_value(uuid, text, text[]) IS 'get_config_value by a user id of type uuid';

CREATE FUNCTION cache_ext.get_config_value(user_id bigint, config_name text, VARIADIC path text[])
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'cache_ext_get_config_value_bigint';
COMMENT ON FUNCTION cache_ext.get_config_value(bigint, text, text[]) IS 'get_config_value by a user id of type bigint';

CREATE FUNCTION cache_ext.config_names(user_id text)
RETURNS SETOF text LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 100
AS 'MODULE_PATHNAME', 'cache_ext_config_names';
COMMENT ON FUNCTION cache_ext.config_names(text) IS 'The config names for which get_merged_config has something for a user, by the tables';

CREATE FUNCTION cache_ext.compute_config(user_id text, config_name text)
RETURNS jsonb LANGUAGE c STABLE PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'cache_ext_compute_config';
COMMENT ON FUNCTION cache_ext.compute_config(text, text) IS 'What the tables give, whatever is cached; for a null user the merge before login';
