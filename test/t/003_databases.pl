# Several databases with the same ids share nothing.

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
$node->safe_psql('postgres', 'CREATE DATABASE other');
load($node, 'other');
$node->safe_psql('other', q{UPDATE cache_ext.config_fragments SET config = '{"p": "other"}' WHERE scope_type = 'public'});

for (1 .. 2)
{
	like(read_config($node, 'alice', 'theme'), qr/"p": 0/, 'the one');
	like(read_config($node, 'alice', 'theme', 'other'), qr/"p": "other"/, 'the other');
}
is(count($node, 'hits'), 2, 'both are cached');
# An invalidation in the one leaves the other alone.
$node->safe_psql('postgres', 'SELECT cache_ext.invalidate_all()');
read_config($node, 'alice', 'theme', 'other');
is(count($node, 'hits'), 3, 'the other still hits');
read_config($node, 'alice', 'theme');
is(count($node, 'hits'), 3, 'the one does not');

# What is listed in the one is the one's.
$node->safe_psql('postgres', "SELECT cache_ext.get_merged_config('only-here', 'theme'), cache_ext.invalidate_user('only-here')");
foreach my $what (
	"entries WHERE id = 'only-here'", "entries_of('only-here')", "entries_of('only-here', 'theme')", "slices WHERE id = 'only-here'",
	"invalidations WHERE id = 'only-here'")
{
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM cache_ext.$what"), '>', 0, "here: $what");
	is($node->safe_psql('other', "SELECT count(*) FROM cache_ext.$what"), 0, 'not there');
}

# And so are the hits of a name.
$node->safe_psql('postgres', "SELECT count(cache_ext.get_merged_config('only-here', 'theme')) FROM generate_series(1, 10000)");
is($node->safe_psql('postgres', "SELECT hits BETWEEN 5000 AND 15000 FROM cache_ext.hits_by_name WHERE config_name = 'theme'"), 't', 'here: hits_by_name');
is($node->safe_psql('other', 'SELECT count(*) FROM cache_ext.hits_by_name'), 0, 'not there');

# A copy of a database is another database.
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE other');
$node->safe_psql('copy', q{UPDATE cache_ext.config_fragments SET config = '{"p": "copy"}' WHERE scope_type = 'public'});
like(read_config($node, 'alice', 'theme', 'copy'), qr/"p": "copy"/, 'the copy');
like(read_config($node, 'alice', 'theme', 'other'), qr/"p": "other"/, 'its template');

# Dropping one invalidates it, in case its OID comes again.
my $before = count($node, 'invalidations_everything');
$node->safe_psql('postgres', 'DROP DATABASE copy');
is(count($node, 'invalidations_everything'), $before + 1, 'DROP DATABASE invalidates');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE other');
like(read_config($node, 'alice', 'theme', 'copy'), qr/"p": "other"/, 'a new database of that name');
$node->stop;

done_testing();
