# A time to live: as long as extract(epoch ...) says, and an entry ends not before it.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', []);
$node->start;
load($node);
my $library = test_library();
$node->safe_psql('postgres', "CREATE FUNCTION ms(interval) RETURNS bigint LANGUAGE c IMMUTABLE AS '$library', 'cext_test_interval_ms'");
is($node->safe_psql('postgres', <<'SQL'), '', 'intervals in milliseconds, rounded up, never nothing');
WITH i AS (SELECT make_interval(months => m, days => d) + us * interval '1 microsecond' AS i
             FROM unnest('{0,1,2,11,12,13,-1,-13,25,2147483647}'::int[]) m, unnest('{0,1,-1,30,31,-400,2147483647}'::int[]) d,
                  unnest('{0,1,-1,499,500,999,1000,1001,59999999,60000000,86400000000,9007199254740991}'::bigint[]) us)
SELECT i, ms(i), extract(epoch FROM i) FROM i WHERE ms(i) IS DISTINCT FROM greatest(ceil(extract(epoch FROM i) * 1000), 1)
SQL
is($node->safe_psql('postgres', "SELECT max(ms(i::interval)) FROM unnest('{178000000 years,178956970 years 2147483647 days 2562047788 hours}'::text[]) i") >
	  5617000000000000000, 1, 'the longest fit');
SKIP:
{
	skip 'intervals are finite before 17', 1 if $node->pg_version < 17;
	is($node->safe_psql('postgres', "SELECT ms('infinity'), ms('-infinity')"), '0|0', 'infinite ones are none');
}

# An entry is filled late in a second and read early in the next one, when all but
# one second of its time to live is over: between the two is less than that second.
my $ttl = 1000;
$node->safe_psql('postgres', "UPDATE cache_ext.config_definitions SET ttl = '$ttl s' WHERE config_name = 'theme'");
my $session = $node->background_psql('postgres');
my $read = sub {
	my ($offset, $what) = @_;
	$session->query_safe("SET cache_ext.clock_offset = $offset");
	return split(/\|/, $session->query_safe("SELECT $what, extract(epoch FROM statement_timestamp())"));
};
my ($early, $done, $filled, $state, $now) = (0, 0);
for (my $tries = 0; $tries < 20 && !$done; $tries++)
{
	do { (undef, $now) = $read->(0, 'true') } while $now - int($now) < 0.9;
	$session->query_safe('SELECT cache_ext.invalidate_all()');
	(undef, $filled) = $read->(0, "cache_ext.get_merged_config('alice', 'theme') IS NOT NULL");
	do
	{
		($state, $now) = $read->($ttl - 1, "cache_ext.read_state('alice', 'theme')");
		$early++ if $state ne 'hit' && $now - $filled < 1;
	} while (int($now) == int($filled));
	$done = $now - $filled < 1;
}
ok($done, 'the moment was met');
is($early, 0, 'no entry ends early');
is(($read->($ttl + 2, "cache_ext.read_state('alice', 'theme')"))[0], 'miss: its time to live is over', 'each ends');
# So does what was filled upon what others share, whoever had that made.
$session->query_safe("SET cache_ext.clock_offset = 0; SELECT cache_ext.invalidate_all(); SELECT cache_ext.get_merged_config('alice', 'theme')");
my $bases = count($node, 'base_hits');
$session->query_safe("SELECT cache_ext.get_merged_config('bob', 'theme')");
is(count($node, 'base_hits'), $bases + 1, 'a base was found');
is(($read->($ttl - 100, "cache_ext.read_state('bob', 'theme')"))[0], 'hit', 'an entry upon it is there');
is(($read->($ttl + 2, "cache_ext.read_state('bob', 'theme')"))[0], 'miss: its time to live is over', 'and ends');
$session->quit;
$node->stop;

done_testing();
