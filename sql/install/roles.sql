--
-- Privileges
--
-- PUBLIC gets none.  Members of pg_monitor see statistics and keys, but no documents.
--

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cache_ext FROM PUBLIC;
REVOKE ALL ON ALL PROCEDURES IN SCHEMA cache_ext FROM PUBLIC;
GRANT USAGE ON SCHEMA cache_ext TO pg_monitor;
GRANT EXECUTE ON FUNCTION cache_ext.sources_rows(), cache_ext.entries_rows(text, text, boolean),
  cache_ext.entries_of(text, text), cache_ext.slot_of(text, text, text), cache_ext.invalidations_rows(),
  cache_ext.prewarm_progress_rows(), cache_ext.stats_rows(), cache_ext.stats_since(),
  cache_ext.memory_usage_rows(), cache_ext.hits_by_name_rows(), cache_ext.is_preloaded() TO pg_monitor;
GRANT SELECT ON cache_ext.sources, cache_ext.entries, cache_ext.slices, cache_ext.invalidations,
  cache_ext.prewarm_progress, cache_ext.stats, cache_ext.hits_by_name, cache_ext.memory_usage, cache_ext.health TO pg_monitor;
