-- Settings that decide what is stored, and for how long.
SHOW cache_ext.memory;
SELECT current_setting('cache_ext.slots')::int BETWEEN 1024 AND 1048576 AS slots;
SET cache_ext.memory = '1GB';
SET cache_ext.no_such_setting = 1;
DO $$ BEGIN SET cache_ext.max_entry_size = 0; EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE '%', SQLSTATE; END $$;

-- Too large: returned, counted, not stored.
UPDATE cache_ext.config_fragments SET config = jsonb_build_object('large', repeat('x', 3000)) WHERE scope_type = 'public' AND config_name = 'menu';
DELETE FROM cache_ext.config_fragments WHERE scope_type <> 'public' AND config_name = 'menu';
SET cache_ext.max_entry_size = '2kB';
SELECT length(result), counted FROM t.count($$SELECT cache_ext.get_merged_config('alice', 'menu')$$);
SELECT length(result), counted FROM t.count($$SELECT cache_ext.get_merged_config('alice', 'menu')$$);
SET cache_ext.max_entry_size = '4kB';
SELECT length(result), counted FROM t.count($$SELECT cache_ext.get_merged_config('alice', 'menu')$$);
SELECT length(result), counted FROM t.count($$SELECT cache_ext.get_merged_config('alice', 'menu')$$);
-- Larger than a segment.
SET cache_ext.max_entry_size = '4MB';
UPDATE cache_ext.config_fragments SET config = (SELECT jsonb_agg(repeat(md5(i::text), 10)) FROM generate_series(1, 8000) i) WHERE scope_type = 'public' AND config_name = 'menu';
SELECT length(result), counted FROM t.count($$SELECT cache_ext.get_merged_config('alice', 'menu')$$);
RESET cache_ext.max_entry_size;
UPDATE cache_ext.config_fragments SET config = '["home"]' WHERE scope_type = 'public' AND config_name = 'menu';

-- Absence.
SET cache_ext.cache_absent = off;
SELECT * FROM t.read('alice', 'absent');
SELECT * FROM t.read('alice', 'absent');
RESET cache_ext.cache_absent;
SELECT * FROM t.read('alice', 'absent');
SELECT * FROM t.read('alice', 'absent');

-- The cache turned off: reads compute.
SELECT counted FROM t.read('alice', 'menu');
SET cache_ext.enabled = off;
SELECT counted FROM t.read('alice', 'menu');
RESET cache_ext.enabled;
SELECT counted FROM t.read('alice', 'menu');

-- ttl: of the definition, or the default.
UPDATE cache_ext.config_definitions SET ttl = '1 hour' WHERE config_name = 'menu';
SELECT counted FROM t.read('alice', 'menu');
SELECT counted FROM t.read('alice', 'menu');
SET cache_ext.clock_offset = '59min';
SELECT counted FROM t.read('alice', 'menu');
SET cache_ext.clock_offset = '61min';
SELECT counted FROM t.read('alice', 'menu');
SELECT counted FROM t.read('alice', 'menu');
RESET cache_ext.clock_offset;
UPDATE cache_ext.config_definitions SET ttl = NULL WHERE config_name = 'menu';
SELECT counted FROM t.read('alice', 'menu');
SET cache_ext.clock_offset = '10d';
SELECT counted FROM t.read('alice', 'menu');
RESET cache_ext.clock_offset;
SET cache_ext.default_ttl = '1min';
SELECT counted FROM t.count($$SELECT cache_ext.get_merged_config('new reader', 'menu')$$);
SET cache_ext.clock_offset = '2min';
SELECT counted FROM t.count($$SELECT cache_ext.get_merged_config('new reader', 'menu')$$);
RESET cache_ext.clock_offset;
RESET cache_ext.default_ttl;
UPDATE cache_ext.config_definitions SET ttl = '290000 years' WHERE config_name = 'menu';
SELECT counted FROM t.read('alice', 'menu');
SELECT counted FROM t.read('alice', 'menu');
UPDATE cache_ext.config_definitions SET ttl = NULL WHERE config_name = 'menu';

-- An entry that is filled again takes the place it has: no growth.
SELECT counted FROM t.read('alice', 'menu');
SELECT value AS used FROM cache_ext.memory_usage WHERE name = 'used_bytes' \gset
SELECT value AS entries FROM cache_ext.memory_usage WHERE name = 'entries' \gset
DO $$
BEGIN
  FOR i IN 1 .. 200 LOOP
    UPDATE cache_ext.config_fragments SET config = jsonb_build_array('home', 100 + i) WHERE scope_type = 'public' AND config_name = 'menu';
    COMMIT;
    IF cache_ext.get_merged_config('alice', 'menu') IS DISTINCT FROM jsonb_build_array('home', 100 + i) THEN
      RAISE EXCEPTION 'wrong at %', i;
    END IF;
  END LOOP;
END
$$;
SELECT value - :used < 500 AS is_same_size FROM cache_ext.memory_usage WHERE name = 'used_bytes';
SELECT value = :entries AS is_same_number FROM cache_ext.memory_usage WHERE name = 'entries';
-- Also when it grows and shrinks.
DO $$
BEGIN
  FOR i IN 1 .. 100 LOOP
    UPDATE cache_ext.config_fragments SET config = jsonb_build_array(repeat('x', (i * 37) % 5000)) WHERE scope_type = 'public' AND config_name = 'menu';
    COMMIT;
    IF cache_ext.get_merged_config('alice', 'menu') IS DISTINCT FROM jsonb_build_array(repeat('x', (i * 37) % 5000)) THEN
      RAISE EXCEPTION 'wrong at %', i;
    END IF;
  END LOOP;
END
$$;
SELECT value = :entries AS is_same_number FROM cache_ext.memory_usage WHERE name = 'entries';

-- The views.
SELECT name FROM cache_ext.memory_usage;
SELECT m.value = pg_size_bytes(current_setting('cache_ext.memory')) AS is_configured FROM cache_ext.memory_usage m WHERE name = 'configured_bytes';
SELECT a.size = pg_size_bytes(current_setting('cache_ext.memory')) AS is_allocated FROM pg_shmem_allocations a WHERE name = 'cache_ext';
SELECT sum(value) FILTER (WHERE name IN ('slot_bytes', 'counter_bytes', 'directory_bytes', 'segment_bytes')) <=
       sum(value) FILTER (WHERE name = 'configured_bytes') AS fits FROM cache_ext.memory_usage;
SELECT name, description FROM cache_ext.stats;
SELECT value BETWEEN 0 AND 1 AS is_ratio FROM cache_ext.stats WHERE name = 'hit_ratio';
SELECT value AS corruptions FROM cache_ext.stats WHERE name = 'corruptions';
