# Memory is a hard bound, and a scan does not flush what is hot.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'cache_ext.memory = 8MB');
$node->start;
load($node);
my $figure = sub { $node->safe_psql('postgres', "SELECT value FROM cache_ext.memory_usage WHERE name = '$_[0]'") };
my $size = $node->safe_psql('postgres', "SELECT size FROM pg_shmem_allocations WHERE name = 'cache_ext'");
is($size, 8 * 1024 * 1024, 'the minimum is allocated');

# A hot set, read a few times, of documents of about 2 kB.
$node->safe_psql(
	'postgres',
	q{UPDATE cache_ext.config_fragments SET config = (SELECT jsonb_object_agg('k' || i, md5(i::text)) FROM generate_series(1, 45) i) WHERE scope_type = 'public'}
);
my $read = "SELECT count(cache_ext.get_merged_config('%s' || i, 'theme')) FROM generate_series(%d, %d) i";
$node->safe_psql('postgres', sprintf($read, 'hot', 1, 500)) for 1 .. 4;
my $hits = count($node, 'hits');
$node->safe_psql('postgres', sprintf($read, 'hot', 1, 500));
is(count($node, 'hits') - $hits, 500, 'the hot set is cached');

# A scan of ten times what fits, each key once; the hot set is read between.
for my $round (0 .. 9)
{
	$node->safe_psql('postgres', sprintf($read, 'cold', $round * 3000 + 1, $round * 3000 + 3000));
	$hits = count($node, 'hits');
	$node->safe_psql('postgres', sprintf($read, 'hot', 1, 500));
	cmp_ok(count($node, 'hits') - $hits, '>=', 495, "after scan $round the hot set hits");
}
cmp_ok(count($node, 'evictions'), '>', 20000, 'entries were evicted');
cmp_ok($figure->('used_bytes'), '<=', $figure->('segment_bytes'), 'entries fit in the segments');
cmp_ok($figure->('free_bytes'), '<', $figure->('segment_bytes') / 10, 'which are full');
is(count($node, 'corruptions'), 0, 'nothing is corrupt');
is( $node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM generate_series(1, 1000) i WHERE cache_ext.get_merged_config('cold' || i, 'theme') IS DISTINCT FROM cache_ext.get_public_config('theme')}
	),
	0,
	'every document is right');

# Unknown names do not grow it either.
$node->safe_psql('postgres', q{SELECT count(cache_ext.get_merged_config('alice', 'unknown' || i)) FROM generate_series(1, 60000) i});
cmp_ok($figure->('used_bytes'), '<=', $figure->('segment_bytes'), 'absent names are bounded');

# Invalidation allocates nothing: with the store full, the hot set of another
# name stays when an unrelated one changes in bulk.
$node->safe_psql('postgres', sprintf($read, 'hot', 1, 500)) for 1 .. 3;
my $evictions = count($node, 'evictions');
$node->safe_psql(
	'postgres',
	q{INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) SELECT 'user', 'x' || i, 'menu', '1' FROM generate_series(1, 400) i});
is(count($node, 'evictions'), $evictions, 'a large update evicts nothing');
$hits = count($node, 'hits');
$node->safe_psql('postgres', sprintf($read, 'hot', 1, 500));
# But for the entries that share a slot with what changed: one in a hundred.
cmp_ok(count($node, 'hits') - $hits, '>=', 470, 'nor does it invalidate others');
$node->stop;

# Sizes that cannot be.
$node->append_conf('postgresql.conf', 'cache_ext.slots = 1000000');
ok(!$node->start(fail_ok => 1), 'slots that leave no room do not start');
like(
	slurp_file($node->logfile),
	qr/FATAL:  cache_ext.memory is too small for cache_ext.slots and max_connections\n.*HINT:  Raise cache_ext.memory to at least \d+kB, or lower cache_ext.slots/,
	'with a hint');
$node->append_conf('postgresql.conf', "cache_ext.slots = 1000\n");
$node->start;
$node->stop;
like(slurp_file($node->logfile), qr/1000 is outside the valid range for parameter "cache_ext.slots"/, 'too few');
$node->append_conf('postgresql.conf', "cache_ext.slots = 1024\n");
$node->start;
is($node->safe_psql('postgres', is_exact()), 't', 'as few as can be: exact') for 1 .. 2;
$node->stop;

done_testing();
