# A standby reads through; promoted, it starts empty and caches.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', [ allows_streaming => 1 ]);
$primary->start;
load($primary);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

is($standby->safe_psql('postgres', is_exact()), 't', 'exact on the standby') for 1 .. 2;
cmp_ok(count($standby, 'read_through_recovery'), '>=', 2, 'read through');
is(count($standby, 'hits'), 0, 'no hits');
$primary->safe_psql('postgres', q{UPDATE cache_ext.config_fragments SET config = '{"p": 1}' WHERE scope_type = 'public'});
$primary->wait_for_catchup($standby);
is(read_config($standby, 'alice', 'theme'), '{"d": 0, "e": 0, "p": 1, "u": 0}', 'a replayed commit is seen');
my ($ret, $out, $err) = $standby->psql('postgres', 'SELECT cache_ext.invalidate_all()');
like($err, qr/cannot execute cache_ext.invalidate_all\(\) during recovery/, 'nothing to invalidate there');

# So is a table that is attached meanwhile.
my $reader = $standby->background_psql('postgres');
like($reader->query_safe("SELECT cache_ext.get_merged_config('alice', 'theme')"), qr/"p": 1/, 'the own table');
$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE fragments (LIKE cache_ext.config_fragments INCLUDING ALL);
INSERT INTO fragments VALUES ('public', NULL, 'theme', '{"attached": 1}');
SELECT cache_ext.attach_fragments('fragments');
SQL
$primary->wait_for_catchup($standby);
like($reader->query_safe("SELECT cache_ext.get_merged_config('alice', 'theme')"), qr/^\{"attached": 1\}$/m, 'the attached one');
$primary->safe_psql('postgres', "SELECT cache_ext.detach('fragments')");
$primary->wait_for_catchup($standby);
like($reader->query_safe("SELECT cache_ext.get_merged_config('alice', 'theme')"), qr/"p": 1/, 'the own one again');
$reader->quit;

# A snapshot taken during recovery stays one after the promotion.
my $old = $standby->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$standby->promote;
is($standby->safe_psql('postgres', is_exact()), 't', 'exact after the promotion') for 1 .. 2;
is(count($standby, 'hits'), 1, 'which caches');
$standby->safe_psql('postgres', q{UPDATE cache_ext.config_fragments SET config = '{"p": 2}' WHERE scope_type = 'public'});
is($standby->safe_psql('postgres', is_exact()), 't', 'exact after a write') for 1 .. 2;
like($old->query_safe(is_exact()), qr/t/, 'the old snapshot is exact');
like($old->query_safe("SELECT cache_ext.get_merged_config('alice', 'theme')"), qr/"p": 1/, 'and old');
$old->quit;
$standby->stop;
$primary->stop;

done_testing();
