# Every byte of a key is compared: one that is flipped in memory makes it another's.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library = test_library('cext_memory');
my $node = new_node('main', [], "cache_ext.memory = 8MB", "shared_preload_libraries = '$library, cache_ext'");
$node->start;
load($node);
$node->safe_psql('postgres', "CREATE FUNCTION flip(bigint, text, integer) RETURNS bigint LANGUAGE c AS '$library', 'cext_memory_flip'");
$node->safe_psql('postgres', <<'SQL');
-- Reads until this process knows the place, flips a bit of a byte at so many bytes
-- from the key's first, and reads again: is it a hit?
CREATE FUNCTION hits_flipped(u text, n text, place integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  size bigint := (SELECT value FROM cache_ext.memory_usage WHERE name = 'configured_bytes');
  before numeric;
BEGIN
  PERFORM cache_ext.get_merged_config(u, n) FROM generate_series(1, 6);
  IF flip(size, u || n, place) = 0 THEN
    RETURN true; -- of one that was flipped before
  END IF;
  before := (SELECT value FROM cache_ext.stats WHERE name = 'hits');
  PERFORM cache_ext.get_merged_config(u, n);
  RETURN (SELECT value FROM cache_ext.stats WHERE name = 'hits') > before;
END
$$;
CREATE FUNCTION word(len integer, alphabet text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg(substr(alphabet, i % length(alphabet) + 1, 1), '' ORDER BY i) FROM generate_series(1, len) i
$$;
CREATE TABLE keys AS
  SELECT word(u, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_') AS u, word(n, 'abcdefghijklmnopqrstuvwxyz9876543210-') AS n
    FROM (SELECT generate_series(4, 20) AS u, 5 AS n UNION SELECT 5, generate_series(4, 20)
          UNION SELECT u, 5 FROM unnest('{23,24,25,31,32,33,39,40,41,48,49}'::int[]) u UNION SELECT 5, n FROM unnest('{23,24,25,31,32,33,39,40,41,48,49}'::int[]) n
          UNION SELECT u, 12 FROM generate_series(1, 3) u UNION SELECT 12, n FROM generate_series(1, 3) n) l;
SQL
# The length of the key, its header of eight bytes, user and name.
is( $node->safe_psql(
		'postgres', q{SELECT count(*), length(u), length(n), place FROM keys, generate_series(-12, length(u) + length(n) - 1) place
	WHERE place NOT IN (-10, -9) AND hits_flipped(u, n, place) GROUP BY u, n, place ORDER BY 2, 3, 4}),
	'',
	'none is a hit');
is($node->safe_psql('postgres', q{SELECT count(*) FROM keys WHERE cache_ext.get_merged_config(u, n) IS NOT NULL}), 0, 'and what is read is right');
$node->stop;

done_testing();
