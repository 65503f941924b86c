--
-- Types
--

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
