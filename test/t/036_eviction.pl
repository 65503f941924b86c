# What is evicted and what stays, shown by what is in the store afterwards.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'cache_ext.memory = 8MB', 'cache_ext.slots = 65536');
$node->start;
load($node);
# Documents of about 2 kB, which anybody has.
$node->safe_psql(
	'postgres',
	q{UPDATE cache_ext.config_fragments SET config = (SELECT jsonb_object_agg('k' || i, md5(i::text)) FROM generate_series(1, 45) i) WHERE scope_type = 'public';
	INSERT INTO cache_ext.config_fragments (scope_type, config_name, config) SELECT 'public', 'menu', config FROM cache_ext.config_fragments WHERE scope_type = 'public'}
);
my $fits = int($node->safe_psql('postgres', q{SELECT value FROM cache_ext.memory_usage WHERE name = 'segment_bytes'}) / 2300);
cmp_ok($fits, '>', 1000, 'so many fit');

# Each of n users so often, one after another.
sub read_all
{
	my ($who, $name, $from, $to, $times) = @_;
	$node->safe_psql(
		'postgres',
		"SELECT count(cache_ext.get_merged_config('$who' || i, '$name')) FROM generate_series($from, $to) i, generate_series(1, $times) t");
	return;
}

sub in_store
{
	my ($who, $name) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM cache_ext.entries WHERE kind = 'jsonb' AND id ~ '^$who\\d+\$' AND config_name = '$name'");
}
my $scanned = 0;
# Users who are read once and never again.
sub scan
{
	my ($n) = @_;
	read_all('scan', 'menu', $scanned + 1, $scanned + $n, 1);
	$scanned += $n;
	return;
}
my $visited = 0;
# Users who are read several times, and then no more.
sub visit
{
	my ($n) = @_;
	read_all('visit', 'menu', $visited + 1, $visited + $n, 4);
	$visited += $n;
	return;
}
sub invalidate { $node->safe_psql('postgres', q{SELECT cache_ext.invalidate_name('theme')}); return; }

# What was read often stays when what is read once passes through.
read_all('hot', 'theme', 1, 300, 4);
scan(3 * $fits);
is(in_store('hot', 'theme'), 300, 'what is hot stays');
# What is invalid does not: neither where it is new,
read_all('dead', 'theme', 1, 300, 4);
invalidate();
scan(3 * $fits);
is(in_store('dead', 'theme'), 0, 'what is invalid is not carried over, however often it was read');
# nor where it has been carried to.  It goes when its turn has come.
read_all('hot', 'theme', 1, 300, 4);
invalidate();
visit($fits) for 1 .. 2;
is(in_store('hot', 'theme'), 0, 'nor is it carried on');

# What was evicted not long ago and comes back stays.
my $fresh = 0;
for my $round (1 .. 3)
{
	read_all("back$round-", 'theme', 1, 200, 1);
	my $tries = 0;
	scan(100) while in_store("back$round-", 'theme') > 0 && $tries++ < 200;
	is(in_store("back$round-", 'theme'), 0, 'evicted');
	read_all("back$round-", 'theme', 1, 200, 1);
	read_all("new$round-", 'theme', 1, 200, 1);
	scan(2 * $fits);
	cmp_ok(in_store("back$round-", 'theme'), '>=', 120, 'most of what came back is there');
	cmp_ok(in_store("new$round-", 'theme'), '<=', 20, 'what came for the first time is not');
}

# What was hot is so no more when it is not read for long.
read_all('once', 'theme', 1, 300, 4);
scan($fits);
read_all('once', 'theme', 1, 300, 4);
is(in_store('once', 'theme'), 300, 'hot');
my $rounds = 0;
visit($fits) while in_store('once', 'theme') > 0 && $rounds++ < 20;
is(in_store('once', 'theme'), 0, "gone after $rounds rounds of others");
cmp_ok($rounds, '>', 1, 'but not at once');
is(count($node, 'corruptions'), 0, 'nothing is corrupt');

$node->stop;
done_testing();
