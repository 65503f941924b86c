# A definition is changed, and whoever changed it is held after his commit and before
# his invalidation messages are out: others see what he did, and still believe of the
# catalogs what had been.

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
my $node = new_node(
	'main', [], 'cache_ext.notify = off', 'cache_ext.fill_wait = 300000', 'restart_after_crash = on',
	"shared_preload_libraries = '" . test_library() . ", cache_ext'");
$node->start;

# A database with users of a type of its own: 1 and 2 of different domains.
sub with_users
{
	my ($type, $login, @logins) = @_;
	my $db = database($node);

	$node->safe_psql($db, <<"SQL");
$type;
CREATE SCHEMA app;
CREATE TABLE app.users (login $login PRIMARY KEY, tenant text);
INSERT INTO app.users VALUES ('$logins[0]', 'd1'), ('$logins[1]', 'd2');
SELECT cache_ext.attach_users('app.users', 'login', 'tenant');
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config)
  SELECT 'domain', d, 'theme', to_jsonb(d) FROM unnest('{d1,d2}'::text[]) d;
SQL
	return $db;
}

# Commits what the session said, up to its messages; tells when others see it.
sub commit_held
{
	my ($db, $sql, $seen) = @_;
	my $session = $node->background_psql($db);

	append_to_file($hold, 'held');
	$session->query_safe("SET cext_test.hold_messages = '$hold'");
	$session->query_until(qr/started/, "\\echo started\nBEGIN; $sql; COMMIT;\n");
	ok($node->poll_query_until($db, $seen), 'committed');
	return $session;
}

sub go_on
{
	my ($session) = @_;
	unlink $hold;
	$session->query_safe('RESET cext_test.hold_messages');
	return;
}

# Sends a query, and returns when the session waits for something.
sub begin_query
{
	my ($session, $db, $sql) = @_;
	my $pid = $session->query_safe('SELECT pg_backend_pid()');

	$session->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	ok($node->poll_query_until($db, "SELECT wait_event_type IN ('Lock', 'Extension') FROM pg_stat_activity WHERE pid = $pid AND state = 'active'"), 'waits');
	return;
}

sub get
{
	return "SELECT cache_ext.get_merged_config('$_[0]', 'theme')";
}

# 7 is user 7 to whoever thinks that ids are integers, as 007 is.  The one finds what
# the other one stores.
part(
	$node,
	'a key of another type' => sub {
		my $db = with_users('', 'integer', 7, 8);
		my ($filler, $reader) = map { $node->background_psql($db) } 1 .. 2;

		is($_->query_safe(get('007')), '"d1"', 'user 7') for $filler, $reader;
		my $changer = commit_held(
			$db, "ALTER TABLE app.users ALTER login TYPE text; INSERT INTO app.users VALUES ('007', 'd2')",
			q{SELECT atttypid = 'text'::regtype FROM pg_attribute WHERE attrelid = 'app.users'::regclass AND attname = 'login'});
		begin_query($filler, $db, get('7'));
		begin_query($reader, $db, get('007'));
		go_on($changer);
		like($filler->query_safe('SELECT 1'), qr/"d1"/, 'user 7');
		like($reader->query_safe('SELECT 1'), qr/"d2"/, 'user 007, who is another one now');
		judge($node, $db, 'afterwards', [ '7', '007', '8' ], 'theme', 'cache_ext.compute_config', $filler, $reader);
		leave($changer, $filler, $reader);
	});

# The same the other way, and the one who waits stores under the key that it is now.
part(
	$node,
	'a key that gets another length' => sub {
		my $db = with_users('', 'integer', 7, 8);
		my $reader = $node->background_psql($db);

		like($reader->query_safe(get('0000000000007')), qr/"d1"/, 'user 7');
		my $changer = commit_held(
			$db, 'ALTER TABLE app.users ALTER login TYPE text',
			q{SELECT atttypid = 'text'::regtype FROM pg_attribute WHERE attrelid = 'app.users'::regclass AND attname = 'login'});
		begin_query($reader, $db, get('0000000000007'));
		go_on($changer);
		$reader->query_safe('SELECT 1');
		is( $node->safe_psql($db, q{SELECT id, config_name FROM cache_ext.entries WHERE id NOT IN ('7', '0000000000007', 'd1') OR config_name <> 'theme'}), '',
			'no other key is stored');
		leave($changer, $reader);
	});

# Who has the tables locked already is not told when he reads them: labels change
# without a lock on them.
part(
	$node,
	'labels that change places' => sub {
		my $db = with_users("CREATE TYPE login AS ENUM ('a', 'b')", 'login', 'a', 'b');
		my $reader = $node->background_psql($db);

		$reader->query_safe('BEGIN');
		is($reader->query_safe(get('a')), '"d1"', 'of the first label') for 1 .. 2;
		my $changer = commit_held(
			$db, q{ALTER TYPE login RENAME VALUE 'a' TO 'c'; ALTER TYPE login RENAME VALUE 'b' TO 'a'; ALTER TYPE login RENAME VALUE 'c' TO 'b'},
			q{SELECT enumlabel = 'a' FROM pg_enum WHERE enumtypid = 'login'::regtype ORDER BY enumsortorder DESC LIMIT 1});
		# By the labels that the session knows, as in any query.
		$reader->query_safe(get('a')) for 1 .. 2;
		go_on($changer);
		is($node->safe_psql($db, get('a')), '"d2"', 'of the second label') for 1 .. 2;
		$reader->query_safe('COMMIT');
		judge($node, $db, 'afterwards', [ 'a', 'b' ], 'theme', 'cache_ext.compute_config', $reader);
		leave($changer, $reader);
	});

$node->stop;
done_testing();
