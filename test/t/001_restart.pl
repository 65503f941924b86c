# Restart, immediate shutdown, a killed backend: the cache starts empty, and works.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'restart_after_crash = on');
$node->start;
load($node);

sub check_cold
{
	my ($what) = @_;
	is(count($node, 'hits'), 0, "$what: counters start at zero");
	is($node->safe_psql('postgres', "SELECT value FROM cache_ext.memory_usage WHERE name = 'entries'"), 0, "$what: empty");
	is(read_config($node, 'alice', 'theme'), '{"d": 0, "e": 0, "p": 0, "u": 0}', "$what: read");
	is(read_config($node, 'alice', 'theme'), '{"d": 0, "e": 0, "p": 0, "u": 0}', "$what: read again");
	is(count($node, 'hits'), 1, "$what: a hit");
	return;
}

check_cold('start');
$node->restart;
check_cold('restart');
$node->stop('immediate');
$node->start;
check_cold('crash');

# Whoever begins after the start had the library, also before the first read.
$node->restart;
my $busy = session($node, 'postgres');
ask($busy, 'BEGIN; SELECT txid_current()');
is(hits_of($node, sub { read_config($node, 'alice', 'theme') for 1 .. 3 }), 2, 'a transaction that goes on since before the first read holds up nobody');
leave($busy);

# A backend killed while others read and write.
append_to_file($node->basedir . '/load.sql', <<'SQL');
SELECT cache_ext.get_merged_config('alice', 'theme'), cache_ext.get_merged_config('user' || (random() * 1000)::int, 'theme');
UPDATE cache_ext.config_fragments SET config = config || jsonb_build_object('p', (random() * 1000)::int) WHERE scope_type = 'public';
SQL
my $load = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '6', '-T', '30', '-f', $node->basedir . '/load.sql', $node->connstr('postgres') ],
	'>', \my $out, '2>', \my $err);
ok($node->poll_query_until('postgres', "SELECT sum(value) > 200 FROM cache_ext.stats WHERE name = 'fills'"), 'load runs');
my $before = -s $node->logfile;
my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1");
kill 'KILL', $pid;
ok($node->wait_for_log(qr/all server processes terminated; reinitializing/, $before), 'the server starts over');
$load->finish;
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server restarted itself');
is($node->safe_psql('postgres', is_exact()), 't', 'exact after the crash');
is($node->safe_psql('postgres', is_exact()), 't', 'exact from the cache');
cmp_ok(count($node, 'hits'), '>=', 1, 'hits again');
$node->safe_psql('postgres', q{UPDATE cache_ext.config_fragments SET config = '{"p": "after"}' WHERE scope_type = 'public'});
is($node->safe_psql('postgres', is_exact()), 't', 'exact after a write');
$node->stop;

done_testing();
