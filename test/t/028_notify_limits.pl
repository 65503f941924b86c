# What NOTIFY cannot take does not fail a write: payloads of any length, ids of any
# length, a full queue, processes that have no user or no postmaster.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'autovacuum = on', 'autovacuum_naptime = 1s');
$node->start;
load($node);
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };

# What a session that listens hears of the statements it runs.
sub heard
{
	my ($statements) = @_;
	my ($ret, $out, $err) = $node->psql('postgres', "LISTEN cache_ext;\n$statements\n", on_error_stop => 1);
	is($ret, 0, 'no statement fails') or diag(substr($err, 0, 500));
	return $out =~ /^Asynchronous notification "cache_ext" with payload "(.*)" received/gm;
}

# Payloads of each length about the limit: 7,999 bytes are told, one more is not.
my @payloads = heard(
	join(
		"\n",
		map {
			"SELECT count(cache_ext.invalidate_user(id)) FROM (SELECT lpad(i::text, 500, 'x') AS id FROM generate_series(1, 15) i UNION ALL SELECT repeat('y', $_)) ids;"
		} 1 .. 200));
is(scalar(@payloads), 200, 'each transaction is told');
my ($wrong, $longest, $not_told) = (0, 0, 0);
foreach my $length (1 .. 200)
{
	my $payload = $payloads[ $length - 1 ];
	my ($head) = $payload =~ /^(\{"v":1,"xid":"\d+",)/;
	my $full = $head . '"slices":[' . join(',', map { "{\"kind\":\"user\",\"id\":\"$_\"}" } (map { 'x' x (500 - length) . $_ } 1 .. 15), 'y' x $length) . ']}';
	$wrong++ if $payload ne (length($full) < 8000 ? $full : "$head\"all\":true}");
	$longest = length($payload) if length($payload) > $longest;
	$not_told++ if $payload =~ /"all"/;
}
is($wrong, 0, 'as far as it fits');
is($longest, 7999, 'which is all that NOTIFY takes');
cmp_ok($not_told, '>=', 64, 'and beyond that');

# As many slices as fit, if their ids are short.
my $digits = '0123456789abcdefghijklmnopqrstuvwxyz';
my @many = heard(
	"INSERT INTO cache_ext.users SELECT CASE WHEN i < 36 THEN '' ELSE substr('$digits', i / 36, 1) END || substr('$digits', i % 36 + 1, 1) FROM generate_series(0, 304) i;"
);
is(scalar(() = $many[0] =~ /"kind":"user"/g), 305, 'so many short slices are told');

# Ids that are too long for a key, in a table that has no limit.
$sql->("CREATE TABLE people (id text, domain text); SELECT cache_ext.attach_users('people', 'id', 'domain')");
my @told = map { s/"xid":"\d+",//r } heard(<<'SQL');
INSERT INTO people VALUES (repeat('m', 512));
INSERT INTO people VALUES (repeat('m', 513));
INSERT INTO people VALUES (repeat('ä', 257));
BEGIN; INSERT INTO people VALUES ('short'); SAVEPOINT s; INSERT INTO people VALUES (repeat('m', 600)); ROLLBACK TO s; COMMIT;
INSERT INTO people VALUES (repeat(E'\x01', 190 * 1024 * 1024));
SQL
is_deeply(
	\@told,
	[
		'{"v":1,"slices":[{"kind":"user","id":"' . 'm' x 512 . '"}]}', ('{"v":1,"all":true}') x 2, '{"v":1,"slices":[{"kind":"user","id":"short"}]}',
		'{"v":1,"all":true}'
	],
	'an id of 512 bytes is told, a longer one as everything');
is( $sql->(
		"SELECT kind, id IN (repeat('m', 63), repeat('ä', 31), repeat(E'\\x01', 63)) FROM cache_ext.invalidations WHERE cause = 'insert of people' AND id <> 'short'"
	),
	join("\n", ('user|t') x 4),
	'the view has the beginning of each');
# Long domains are told of too: their users' results depend on them.
$sql->("TRUNCATE people; INSERT INTO people VALUES ('u', repeat('d', 600))");
$sql->("CREATE TABLE fragments (kind text, id text, name text, doc jsonb); SELECT cache_ext.attach_fragments('fragments', 'kind', 'id', 'name', 'doc')");
@told = heard("INSERT INTO fragments VALUES ('domain', repeat('d', 600), 'n', '{\"a\": 1}');");
like($told[0], qr/"all":true/, 'a domain with a long id');
is($sql->("SELECT cache_ext.get_merged_config('u', 'n')"), '{"a": 1}', 'is read');
$sql->("UPDATE fragments SET doc = '{\"a\": 2}'");
is($sql->("SELECT cache_ext.get_merged_config('u', 'n')"), '{"a": 2}', 'exactly');
# A scope type that is too long to be one is not told, and the slice is.
@told = map { s/"xid":"\d+",//r }
  heard("BEGIN; INSERT INTO fragments VALUES (repeat('k', 513), 'u', 'n', '{}'); INSERT INTO fragments VALUES (repeat('k', 512), 'v', 'n', '{}'); COMMIT;");
is( $told[0], '{"v":1,"slices":[{"kind":"user","id":"u","name":"n"},{"kind":"user","id":"v","name":"n","scope_type":"' . 'k' x 512 . '"}]}',
	'a scope type of more than 512 bytes is not told');
$sql->("SELECT cache_ext.detach('people'), cache_ext.detach('fragments')");

# A full queue: a listener does not read, and the queue's head is moved as if as
# much had been written as fits.
my $library = test_library();
$sql->("CREATE FUNCTION move_queue(bigint, int) RETURNS void LANGUAGE c AS '$library', 'cext_test_move_notify_queue'");
my $pages = $sql->("SELECT coalesce(current_setting('max_notify_queue_pages', true)::int, 1048576)") - 4;
my $move = sub { $sql->("SELECT move_queue(size, $_[0]) FROM pg_shmem_allocations WHERE name = 'Async Queue Control'") };
my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN cache_ext');
$listener->query_safe('BEGIN');
my $writer = $node->background_psql('postgres', on_error_stop => 0);
my $write = sub {
	$writer->{stderr} = '';
	$writer->query("UPDATE cache_ext.config_fragments SET config = '{\"u\": $_[0]}' WHERE scope_id = 'alice'");
	return $writer->{stderr};
};
is($write->(1), '', 'there is room');
$move->($pages);
cmp_ok($sql->('SELECT pg_notification_queue_usage()'), '>', 0.9, 'there is none');
like($write->(2), qr/WARNING:  listeners are not notified of changes because the NOTIFY queue is \d+% full\n(.*\n)*HINT:  End the session/, 'a write says so');
unlike($write->(3), qr/WARNING/, 'once');
is($sql->("SELECT cache_ext.get_merged_config('alice', 'theme') -> 'u'"), 3, 'and is done');
is(count($node, 'notifications_lost'), 2, 'what was not told is counted');
is($sql->("SELECT string_agg(problem, ' ' ORDER BY problem) FROM cache_ext.health"), 'notify notify_lost', 'health has it');
$move->(-$pages);
is($write->(4), '', 'there is room again');
is( $sql->("SELECT problem, detail FROM cache_ext.health"),
	'notify_lost|Listeners were not told of the changes of 2 transactions, because the NOTIFY queue was nearly full.', 'and health remembers');
$sql->('SELECT cache_ext.invalidate_all(), cache_ext.reset_stats()');
is($sql->('SELECT count(*) FROM cache_ext.health'), 0, 'until it is told to forget');
my @heard = $listener->query_safe('COMMIT') =~ /payload "(.*)" received/g;
push @heard, $listener->query_safe('SELECT') =~ /payload "(.*)" received/g;
is_deeply(
	[ map { s/"xid":"\d+",//r } @heard ],
	[ ('{"v":1,"slices":[{"kind":"user","id":"alice","name":"theme","scope_type":"user"}]}') x 2, '{"v":1,"all":true}' ], 'the listener hears the rest');
$_->quit foreach $listener, $writer;

# The smallest queue, and many who fill it at once.
SKIP:
{
	skip 'the size of the queue is fixed before 17', 2 if $node->pg_version < 17;
	$node->append_conf('postgresql.conf', 'max_notify_queue_pages = 64');
	$node->restart;
	$listener = $node->background_psql('postgres');
	$listener->query_safe('LISTEN cache_ext');
	$listener->query_safe('BEGIN');
	$node->pgbench(
		'-n -c 12 -j 2 -t 50', 0, [qr/processed: 600\/600/], [qr/^((?!ERROR).)*$/s], 'no commit fails',
		{ '020_fill' => "SET client_min_messages = error;\nSELECT count(cache_ext.invalidate_user(repeat(i::text, 240))) FROM generate_series(1, 15) i;" });
	cmp_ok(count($node, 'notifications_lost'), '>', 400, 'most were not told');
	$listener->quit;
	$sql->('SELECT cache_ext.reset_stats()');
}

# Processes that commit and have no user, as the launcher of autovacuum.
$sql->('CREATE TABLE dead (i int) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0); INSERT INTO dead SELECT generate_series(1, 100)');
$sql->('DELETE FROM dead');
ok($node->poll_query_until('postgres', "SELECT autovacuum_count > 0 FROM pg_stat_user_tables WHERE relname = 'dead'"), 'autovacuum works');
$node->stop;

# A server of one process, without a postmaster.
my ($in, $out, $err) = (
	"UPDATE cache_ext.config_fragments SET config = '{\"u\": 5}' WHERE scope_id = 'alice'\nSELECT cache_ext.get_merged_config('alice', 'theme') AS single\n",
	'', '');
ok( IPC::Run::run([ 'postgres', '--single', '-F', '-c', 'exit_on_error=true', '-D', $node->data_dir, 'postgres' ], '<', \$in, '>', \$out, '2>', \$err),
	'a single process writes') or diag($err);
like($out, qr/single = .*"u": 5/, 'and reads');
$node->start;
is($sql->("SELECT cache_ext.get_merged_config('alice', 'theme') -> 'u'"), 5, 'as it is afterwards');
$node->stop;
unlike(slurp_file($node->logfile), qr/TRAP|PANIC|was terminated by signal/, 'nothing has crashed');

done_testing();
