# One fill for concurrent misses; a fill that fails or is cancelled leaves nothing behind.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'max_connections = 120');
$node->start;
load($node);

# Someone holds a table up; a filler waits for it, and others for the filler.
sub waiters
{
	my ($event) = @_;
	return "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = '$event' AND query LIKE '%get_merged%' AND pid <> pg_backend_pid()";
}
my $locker = $node->background_psql('postgres');
my @readers = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 4;
$_->query_safe("SET cache_ext.fill_wait = '10min'") for @readers;
my $read = "SELECT cache_ext.get_merged_config('alice', 'theme');\n";

$locker->query_safe('BEGIN; LOCK TABLE cache_ext.config_fragments');
$readers[0]->query_until(qr/started/, "\\echo started\n$read\\echo finished\n");
ok($node->poll_query_until('postgres', waiters('Lock'), 1), 'the filler waits for the table');
$readers[$_]->query_until(qr/started/, "\\echo started\n$read\\echo finished\n") for 1 .. 3;
ok($node->poll_query_until('postgres', waiters('Extension'), 3), 'the others wait for the filler');

# Cancelled, the filler hands over to one of them.
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%get_merged%'");
$readers[0]->query_until(qr/finished/, '');
ok($node->poll_query_until('postgres', waiters('Lock'), 1), 'another one fills');
ok($node->poll_query_until('postgres', waiters('Extension'), 2), 'the rest wait');
# So does one that is terminated.
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%get_merged%'");
ok($node->poll_query_until('postgres', waiters('Extension'), 1), 'one waits');
ok($node->poll_query_until('postgres', waiters('Lock'), 1), 'one fills');
# And so does a waiter that is cancelled, without harm to the filler.
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND query LIKE '%get_merged%'");
ok($node->poll_query_until('postgres', waiters('Extension'), 0), 'none waits');
$locker->query_safe('COMMIT');
ok($node->poll_query_until('postgres', waiters('Lock'), 0), 'all are through');
is($node->safe_psql('postgres', is_exact()), 't', 'exact') for 1 .. 2;

# All who wait for one filler go on when it is through, not one of them.
my @crowd = map { $node->background_psql('postgres') } 1 .. 5;
$node->safe_psql('postgres', 'SELECT cache_ext.invalidate_all()');
$locker->query_safe('BEGIN; LOCK TABLE cache_ext.config_fragments');
$_->query_safe("SET cache_ext.fill_wait = '10min'") for @crowd;
$_->query_until(qr/started/, "\\echo started\n$read\\echo finished\n") for @crowd;
ok($node->poll_query_until('postgres', waiters('Extension'), 4), 'four wait for one');
$locker->query_safe('COMMIT');
ok($node->poll_query_until('postgres', waiters('Extension'), 0), 'none waits any more');
$_->query_until(qr/finished/, '') for @crowd;
$_->quit for @crowd;

# Who shares no more than a latch with another's fill does not wait for it, nor look
# again and again.  Of ninety keys some do, whatever the seed is.
$locker->query_safe('BEGIN; LOCK TABLE cache_ext.config_fragments');
append_to_file($node->basedir . '/latch.sql', "SELECT cache_ext.get_merged_config('latch' || :client_id, 'theme');\n");
my $output = '';
my $bench =
  IPC::Run::start([ 'pgbench', '-n', '-c', '90', '-t', '1', '-f', $node->basedir . '/latch.sql', $node->connstr('postgres') ], '>', \$output, '2>', \$output);
ok($node->poll_query_until('postgres', waiters('Lock'), 90), 'all of ninety fill');
$locker->query_safe('COMMIT');
ok($bench->finish, 'and are through') or diag($output);

# The wait is bounded: then the reader computes for itself.
$node->safe_psql('postgres', 'SELECT cache_ext.invalidate_all()');
my $filler = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE cache_ext.users');
$filler->query_until(qr/started/, "\\echo started\n$read");
ok($node->poll_query_until('postgres', waiters('Lock'), 1), 'a filler waits for the table');
my ($ret, $out, $err) = $node->psql('postgres', "SET cache_ext.fill_wait = '10ms'; SET statement_timeout = '3s'; $read");
like($err, qr/canceling statement due to statement timeout/, 'the other one gave up on the filler, and waits for the table');
$locker->query_safe('COMMIT');
$filler->quit;

# Concurrent misses of a cold key compute once: a fill takes long, and the
# others find its result.
$node->safe_psql(
	'postgres',
	q{UPDATE cache_ext.config_fragments SET config = (SELECT jsonb_object_agg('k' || i, md5(i::text)) FROM generate_series(1, 800) i) WHERE scope_type = 'public'}
);
my $fills = count($node, 'fills');
my $rounds = 20;
append_to_file(
	$node->basedir . '/cold.sql',
	"SELECT pg_advisory_xact_lock_shared(1);\nSELECT cache_ext.get_merged_config('cold' || (extract(epoch FROM now()) / 2)::int, 'theme');\n");
$node->command_ok([ 'pgbench', '-n', '-c', '20', '-t', '200', '-f', $node->basedir . '/cold.sql', $node->connstr('postgres') ], 'twenty sessions');
cmp_ok(count($node, 'fills') - $fills, '<=', $rounds, 'few fills for four thousand reads');

# Out of memory in a fill: an error for the one query, and nothing else.
$node->safe_psql(
	'postgres',
	q{UPDATE cache_ext.config_fragments SET config = (SELECT jsonb_agg(repeat('x', 1000000)) FROM generate_series(1, 150)) WHERE scope_type = 'public'});
$node->safe_psql(
	'postgres',
	q{INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) SELECT 'domain', 'huge', 'theme', jsonb_build_object('huge', config) FROM cache_ext.config_fragments WHERE scope_type = 'public';
UPDATE cache_ext.config_fragments SET config = jsonb_build_object('p', config) WHERE scope_type = 'public'; INSERT INTO cache_ext.users VALUES ('huge', 'huge')}
);
($ret, $out, $err) = $node->psql('postgres', "SELECT pg_column_size(cache_ext.get_merged_config('huge', 'theme'))");
like($err, qr/ERROR:  (out of memory|invalid memory alloc request size|total size of jsonb|string too long)/, 'too much');
($ret, $out, $err) = $node->psql('postgres', "SELECT pg_column_size(cache_ext.get_merged_config('huge', 'theme'))");
like($err, qr/ERROR/, 'and again, without a wait for a fill that is gone');
$node->safe_psql(
	'postgres',
	q{DELETE FROM cache_ext.config_fragments WHERE scope_id = 'huge'; UPDATE cache_ext.config_fragments SET config = '{"p": 9}' WHERE scope_type = 'public'});
is($node->safe_psql('postgres', is_exact()), 't', 'exact') for 1 .. 2;

# statement_timeout in the middle of a fill.
$locker->query_safe('BEGIN; LOCK TABLE cache_ext.users');
($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = '100ms'; SELECT cache_ext.get_merged_config('bob', 'theme')");
like($err, qr/canceling statement due to statement timeout/, 'timed out');
$locker->query_safe('COMMIT');
is(read_config($node, 'bob', 'theme'), '{"d": 0, "e": 0, "p": 9}', 'read') for 1 .. 2;
$locker->quit;
$node->stop;

done_testing();
