# Writers held between leaving the proc array and completing their slots, and before.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $hold = PostgreSQL::Test::Utils::tempdir() . '/hold';
# Without notifications: a writer that is held would hold up all that notify.
my $node =
  new_node('main', [ allows_streaming => 1 ], "max_connections = 30\ncache_ext.notify = off\nshared_preload_libraries = '" . test_library() . ", cache_ext'");
$node->start;
load($node);
my $exact = is_exact();
my $p = "SELECT cache_ext.get_merged_config('alice', 'theme') -> 'p'";

# hold(name): the next commit of the session stays in the window.
my %holds;

sub held_writer
{
	my ($name, $sql) = @_;
	$holds{$name} = "$hold.$name";
	append_to_file($holds{$name}, 'held');
	my $session = $node->background_psql('postgres');
	$session->query_safe("SET application_name = '$name'; SET cext_test.hold_file = '$holds{$name}'");
	$session->query_until(qr/started/, "\\echo started\n$sql;\n");
	return $session;
}

sub release
{
	my ($name, $session) = @_;
	unlink $holds{$name};
	$session->query_safe('RESET cext_test.hold_file');
	return;
}

is($node->safe_psql('postgres', $exact), 't', 'cached') for 1 .. 2;
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');

# The writer has committed, and says so to every new snapshot, but its slots
# are still pending.
my $w1 = held_writer('w1', q{UPDATE cache_ext.config_fragments SET config = '{"p": 1}' WHERE scope_type = 'public'});
ok($node->poll_query_until('postgres', q{SELECT config = '{"p": 1}' FROM cache_ext.config_fragments WHERE scope_type = 'public'}), 'committed');
my $unsettled = count($node, 'read_through_unsettled');
is($node->safe_psql('postgres', $p), '1', 'the new value');
is($node->safe_psql('postgres', $exact), 't', 'exact in the window');
cmp_ok(count($node, 'read_through_unsettled'), '>', $unsettled, 'read through');
like($old->query_safe($p), qr/0/, 'the old snapshot sees the old value');
like($old->query_safe($exact), qr/t/, 'exactly');
release('w1', $w1);
is($node->safe_psql('postgres', $exact), 't', 'exact after it') for 1 .. 2;
like($old->query_safe($p), qr/0/, 'the old snapshot still sees the old value');

# Two writers of one slice: the second leaves the proc array after the first,
# and completes before it.  A snapshot from between sees the first only, for as
# long as it lives.
$w1 = held_writer('w1', q{UPDATE cache_ext.config_fragments SET config = '{"d": 1}' WHERE scope_type = 'domain'});
ok($node->poll_query_until('postgres', q{SELECT config = '{"d": 1}' FROM cache_ext.config_fragments WHERE scope_type = 'domain'}), 'the first has committed');
my $between = $node->background_psql('postgres');
$between->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->safe_psql('postgres', q{UPDATE cache_ext.config_fragments SET config = '{"e": 1}' WHERE scope_type = 'domain_user_defaults'});
is($node->safe_psql('postgres', $exact), 't', 'exact with the first pending');
release('w1', $w1);
is($node->safe_psql('postgres', $exact), 't', 'exact with both completed') for 1 .. 2;

for (1 .. 2)
{
	like(
		$between->query_safe("SELECT cache_ext.get_merged_config('alice', 'theme')"), qr/"d": 1, "e": 0/,
		'a snapshot from between sees the first and not the second');
	like($between->query_safe($exact), qr/t/, 'exactly');
}
$between->query_safe('COMMIT');
is($node->safe_psql('postgres', $exact), 't', 'exact in the end');

# Three of them: an abort, after its marks, of one that came while the first was
# pending does not make the others forget that they overlapped.
$w1 = held_writer('w1', q{UPDATE cache_ext.config_fragments SET config = '{"d": 2}' WHERE scope_type = 'domain'});
ok($node->poll_query_until('postgres', q{SELECT config = '{"d": 2}' FROM cache_ext.config_fragments WHERE scope_type = 'domain'}), 'the first has committed');
$between->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->safe_psql('postgres', q{UPDATE cache_ext.config_fragments SET config = '{"e": 2}' WHERE scope_type = 'domain_user_defaults'});
my ($ret, $out, $err) = $node->psql(
	'postgres', q{BEGIN; SET LOCAL cext_test.at_commit = 'SELECT 1 / 0';
	INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('user', 'acme', 'theme', '{}'); COMMIT});
like($err, qr/division by zero/, 'one fails in its commit');
release('w1', $w1);
is($node->safe_psql('postgres', $exact), 't', 'exact with all completed') for 1 .. 2;
for (1 .. 2)
{
	like(
		$between->query_safe("SELECT cache_ext.get_merged_config('alice', 'theme')"), qr/"d": 2, "e": 1/,
		'a snapshot from between sees the first and not the second');
	like($between->query_safe($exact), qr/t/, 'exactly');
}
$between->query_safe('COMMIT');

# Written after the slots were marked, by another extension at the commit: in a
# transaction that wrote nothing else, and in one that did.  Held in the window, too.
for my $first ('SELECT 1', q{INSERT INTO cache_ext.users VALUES ('late', 'acme')})
{
	my $config = qq({"u": "$first"}) =~ s/'//gr;
	is($node->safe_psql('postgres', $exact), 't', 'cached') for 1 .. 2;
	$w1 = held_writer(
		'w1',
		qq{BEGIN; SET LOCAL cext_test.at_commit = 'UPDATE cache_ext.config_fragments SET config = ''$config'' WHERE scope_type = ''user'''; $first; COMMIT});
	ok( $node->poll_query_until('postgres', qq{SELECT config = '$config' FROM cache_ext.config_fragments WHERE scope_type = 'user'}),
		'written late, and committed');
	is($node->safe_psql('postgres', $exact), 't', 'exact in the window');
	release('w1', $w1);
	is($node->safe_psql('postgres', $exact), 't', 'exact after it') for 1 .. 2;
}

# What is remembered of the sources under one snapshot is not used under another that
# has the same bounds, and sees one transaction more.
$node->safe_psql(
	'postgres', q{INSERT INTO cache_ext.config_definitions VALUES ('ranked');
	INSERT INTO cache_ext.config_policies (config_name, scope_type) VALUES ('ranked', 'public'), ('ranked', 'user');
	INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('public', NULL, 'ranked', '"public"'), ('user', 'alice', 'ranked', '"user"')}
);
my $oldest = $node->background_psql('postgres');
my $ranker = $node->background_psql('postgres');
$oldest->query_safe('BEGIN; SELECT pg_current_xact_id()');
$ranker->query_safe("SET cext_test.hold_file = '$hold.ranker'; BEGIN; UPDATE cache_ext.scope_types SET default_rank = 1 WHERE scope_type = 'user'");
$node->safe_psql('postgres', 'SELECT pg_current_xact_id()');
# One that reads for the first time.
my $reader = $node->background_psql('postgres');
my $ranked = "SELECT cache_ext.get_merged_config('alice', 'ranked')";
like($reader->query_safe($ranked), qr/user/, 'before');
append_to_file("$hold.ranker", 'held');
$ranker->query_until(qr/started/, "\\echo started\nCOMMIT;\n");
ok($node->poll_query_until('postgres', q{SELECT default_rank = 1 FROM cache_ext.scope_types WHERE scope_type = 'user'}), 'the scope types have changed');
like($reader->query_safe($ranked), qr/public/, 'after');
unlink "$hold.ranker";
$ranker->query_safe('RESET cext_test.hold_file');
like($reader->query_safe($ranked), qr/public/, 'and when it is through');
$_->quit for $oldest, $ranker, $reader;

# Held before it leaves the proc array: the commit record is written, and the
# commit waits for a standby that does not exist.
$node->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'});
$node->reload;
ok($node->poll_query_until('postgres', q{SELECT current_setting('synchronous_standby_names') = 'nobody'}), 'reloaded');
# The checkpointer, which tells the others, looks at the setting first.
$node->safe_psql('postgres', 'CHECKPOINT');
$w1 = $node->background_psql('postgres');
$w1->query_until(qr/started/, "\\echo started\nUPDATE cache_ext.config_fragments SET config = '{\"p\": 2}' WHERE scope_type = 'public';\n");
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'}), 'the commit waits');
$node->safe_psql('postgres', "SET synchronous_commit = local; $exact");
is($node->safe_psql('postgres', $p), '1', 'not seen yet');
is($node->safe_psql('postgres', $exact), 't', 'exactly');
$node->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = ''});
$node->reload;
$w1->query_safe('SELECT 1');
is($node->safe_psql('postgres', $p), '2', 'seen');
is($node->safe_psql('postgres', $exact), 't', 'exactly') for 1 .. 2;
$_->quit for $w1, $old, $between;
$node->stop;

done_testing();
