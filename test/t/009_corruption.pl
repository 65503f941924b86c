# A record that makes no sense is dropped and counted; the read is right.

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
$node->safe_psql('postgres', "CREATE FUNCTION corrupt(bigint, text) RETURNS bigint LANGUAGE c AS '$library', 'cext_memory_corrupt'");
is(read_config($node, 'corrupted-user', 'theme'), '{"p": 0}', 'read') for 1 .. 2;
is($node->safe_psql('postgres', "SELECT corrupt(value, 'corrupted-usertheme') FROM cache_ext.memory_usage WHERE name = 'configured_bytes'"), 1, 'spoilt');
my $entries = $node->safe_psql('postgres', "SELECT value FROM cache_ext.memory_usage WHERE name = 'entries'");
is(read_config($node, 'corrupted-user', 'theme'), '{"p": 0}', 'read all the same');
is(count($node, 'corruptions'), 1, 'counted');
is(read_config($node, 'corrupted-user', 'theme'), '{"p": 0}', 'stored again');
is(count($node, 'corruptions'), 1, 'and sound');
is($node->safe_psql('postgres', "SELECT value FROM cache_ext.memory_usage WHERE name = 'entries'"), $entries, 'the one took the place of the other');

# Found when its segment is reclaimed instead: the segment is forgotten.
my $reads = "SELECT count(cache_ext.get_merged_config('%s' || i, 'theme')) FROM generate_series(1, %d) i";
$node->safe_psql('postgres', sprintf($reads, 'lost-user', 100));
cmp_ok($node->safe_psql('postgres', "SELECT corrupt(value, 'lost-user') FROM cache_ext.memory_usage WHERE name = 'configured_bytes'"), '>=', 100, 'spoilt');
$node->safe_psql('postgres', sprintf($reads, 'other', 60000)) for 1 .. 2;
cmp_ok(count($node, 'corruptions'), '>', 1, 'reclaimed');
is( $node->safe_psql('postgres', "SELECT count(*) FROM generate_series(1, 100) i WHERE cache_ext.get_merged_config('lost-user' || i, 'theme') = '{\"p\": 0}'"),
	100, 'every read is right');
$node->stop;

done_testing();
