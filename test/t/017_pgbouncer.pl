# Behind PgBouncer in transaction mode reads work, and LISTEN does not.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Installed by `make test`.
my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
plan skip_all => 'pgbouncer is not installed' unless $pgbouncer;

my $node = new_node('main', []);
$node->start;
load($node);
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $dir = $node->host;
my $user = getpwuid($<);
my $ini = PostgreSQL::Test::Utils::tempdir . '/pgbouncer.ini';
append_to_file($ini, <<INI);
[databases]
postgres = host=$dir port=@{[$node->port]} user=$user
[pgbouncer]
pool_mode = transaction
default_pool_size = 1
auth_type = any
listen_port = $port
unix_socket_dir = $dir
logfile =
INI
my $log = '';
my $pooler = IPC::Run::start([ $pgbouncer, $ini ], '>', \$log, '2>', \$log);
my $through = "host=$dir port=$port dbname=postgres";
my $sql = sub { return $node->safe_psql('postgres', $_[0], connstr => $through) };
my $attempts = 600;
$pooler->pump_nb
  while $attempts-- > 0 && system("psql -X -q -d '$through' -c '' >/dev/null 2>&1") && $pooler->pumpable && select(undef, undef, undef, 0.1) == 0;

is($sql->("SELECT cache_ext.get_merged_config('alice', 'theme')"), '{"d": 0, "e": 0, "p": 0, "u": 0}', 'a read') for 1 .. 3;
is(count($node, 'hits'), 2, 'is served from the cache');
is( $sql->(q{BEGIN; SET LOCAL cache_ext.user_id = 'alice'; SELECT cache_ext.get_my_config('theme') -> 'u'; COMMIT; SHOW cache_ext.user_id}), "0\n",
	'a setting of the transaction');

# Writes notify those who listen without PgBouncer.
my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN cache_ext');
$sql->(q{UPDATE cache_ext.config_fragments SET config = '{"u": 1}' WHERE scope_type = 'user'});
like(wait_for_notification($listener), qr/"id":"alice"/, 'a write by way of it is heard elsewhere');
$listener->quit;

# LISTEN by way of it is a matter of a connection that all clients share.
is($sql->('LISTEN cache_ext; SELECT pg_listening_channels()'), 'cache_ext', 'LISTEN seems to work');
is($sql->('SELECT pg_listening_channels()'), 'cache_ext', 'but it is another client that listens');
is($sql->('UNLISTEN *; SELECT 1'), '1', 'which can end it');
is($sql->('SELECT pg_listening_channels()'), '', 'for all');
$pooler->kill_kill;
$node->stop;

done_testing();
