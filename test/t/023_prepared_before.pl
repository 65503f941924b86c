# A transaction that was prepared on a server without the library, and is committed
# on one with it, has told nobody what it changed.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'restart_after_crash = on', 'max_prepared_transactions = 5');
$node->start;
database($node);                                               # the template that the others are made of
$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');    # for the counters

my $app = <<'SQL';
CREATE SCHEMA app;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb);
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}'), ('user', 'alice', 'theme', '{"u": 0}');
CREATE INDEX ON app.fragments (owner, name, kind);
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
CREATE FUNCTION app.merge(u text, n text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_object_agg(e.key, e.value) FROM app.fragments f, jsonb_each(f.doc) e WHERE f.name = n AND (f.kind = 'public' AND f.owner IS NULL OR f.kind = 'user' AND f.owner = u)
$$;
SQL

# What is prepared, on which tables, and whether the source is whole afterwards.
my $off = 'DISABLE TRIGGER cache_ext_row, DISABLE TRIGGER cache_ext_statement';
my $on = 'ENABLE ALWAYS TRIGGER cache_ext_row, ENABLE ALWAYS TRIGGER cache_ext_statement';
my @cases = (
	[
		'fragments, disabled for good', '', 'reference.merge',
		"ALTER TABLE cache_ext.config_fragments $off; UPDATE cache_ext.config_fragments SET config = config || '{\"w\": 1}'", 0
	],
	[
		'fragments, enabled again', '', 'reference.merge',
		"ALTER TABLE cache_ext.config_fragments $off; UPDATE cache_ext.config_fragments SET config = config || '{\"w\": 1}'; ALTER TABLE cache_ext.config_fragments $on",
		1
	],
	[ 'users', '', 'reference.merge', "ALTER TABLE cache_ext.users $off; UPDATE cache_ext.users SET domain_id = 'other'; ALTER TABLE cache_ext.users $on", 1 ],
	[
		'scope types', '', 'reference.merge',
		"ALTER TABLE cache_ext.scope_types $off; UPDATE cache_ext.scope_types SET default_rank = 1000 - default_rank; ALTER TABLE cache_ext.scope_types $on", 1
	],
	[
		'an attached table', $app, 'app.merge',
		"ALTER TABLE app.fragments $off; UPDATE app.fragments SET doc = doc || '{\"w\": 1}'; ALTER TABLE app.fragments $on", 1
	],
	[ 'an attached table, disabled for good', $app, 'app.merge', "ALTER TABLE app.fragments $off; UPDATE app.fragments SET doc = doc || '{\"w\": 1}'", 0 ],
	[
		'what is attached', $app, 'CASE WHEN EXISTS (SELECT FROM cache_ext.attached) THEN app.merge(%u, %n) ELSE reference.merge(%u, %n) END',
		"ALTER TABLE cache_ext.attached $off; DELETE FROM cache_ext.attached; ALTER TABLE cache_ext.attached $on", 1
	]);
my $users = [ 'alice', 'bob' ];

# Restart with the library or without.
sub restart_with
{
	my ($libraries, $mode) = @_;
	$node->stop($mode);
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'$libraries'");
	$node->start;
	return;
}

for my $case (@cases)
{
	my ($what, $setup, $oracle, $sql, $is_whole) = @$case;

	# Going back, and crashes, by the example of one.
	for my $end ('COMMIT', $what eq 'fragments, enabled again' ? 'ROLLBACK' : ())
	{
		for my $mode ('fast', $what eq 'fragments, enabled again' ? 'immediate' : ())
		{
			part(
				$node,
				"$what: $end PREPARED, after a stop that was $mode" => sub {
					my $db = database($node);
					$node->safe_psql(
						$db,
						"SET client_min_messages = error; $setup; UPDATE cache_ext.config_fragments SET config = config || jsonb_build_object('who', scope_type)"
					);
					restart_with('', $mode);
					$node->safe_psql($db, "BEGIN; $sql; PREPARE TRANSACTION 'before'");
					restart_with('cache_ext', $mode);

					my ($open, $old, $cold, $other) = map { session($node, $db) } 1 .. 4;
					judge($node, $db, 'prepared', $users, 'theme', $oracle, $open, $other);
					ask($_, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1') for $old, $cold;
					is(ask($old, compared('alice', 'theme', $oracle)), 'exact', 'prepared: old snapshot');
					my $before = ask($old, "SELECT cache_ext.get_merged_config('alice', 'theme')");
					judge($node, $db, 'prepared, once more', $users, 'theme', $oracle, $open, $other);
					is(run_sql($node, $db, "$end PREPARED 'before'"), '', "$end PREPARED");

					# In turns: the old snapshots first, then after others have read.
					is(ask($old, compared($_, 'theme', $oracle)), 'exact', "afterwards: old snapshot, $_") for @$users;
					judge($node, $db, 'afterwards', $users, 'theme', $oracle, $open, $other);
					is(ask($cold, compared($_, 'theme', $oracle)), 'exact', "afterwards: old snapshot that had read nothing, $_") for @$users;
					is(ask($old, compared($_, 'theme', $oracle)), 'exact', "afterwards: old snapshot again, $_")                  for @$users;
					is(ask($old, "SELECT cache_ext.get_merged_config('alice', 'theme')"), $before, 'the old snapshot sees what was');
					my $now = run_sql($node, $db, "SELECT cache_ext.get_merged_config('alice', 'theme')");
					$end eq 'COMMIT' ? isnt($now, $before, 'others see what is') : is($now, $before, 'others see no change');
					ask($_, 'COMMIT') for $old, $cold;
					judge($node, $db, 'in the end', $users, 'theme', $oracle, $open, $old, $cold, $other);

					# All that was there before has ended: it caches, or says why not.
					my $suspended = $is_whole || $end eq 'ROLLBACK' ? 0 : 1;
					is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.sources WHERE suspended'), $suspended, 'suspended: ' . $suspended);
					my $hits = hits_of($node, sub { ask($open, compared('alice', 'theme', $oracle)) for 1 .. 5 });
					$suspended ? is($hits, 0, 'no hits') : cmp_ok($hits, '>=', 2, 'hits');
					leave($open, $old, $cold, $other);
				});
		}
	}
}

# The commit is stopped when others see what it did, and before its messages go out:
# what a reader knows of the catalogs is then what was before.
my @windows = (
	[ 'a partition', <<'SQL', "ALTER TABLE app.fragments ATTACH PARTITION app.fragments_user FOR VALUES IN ('user')", qr/\{"p": 0, "u": 0\}$/ ],
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb) PARTITION BY LIST (kind);
CREATE TABLE app.fragments_public PARTITION OF app.fragments FOR VALUES IN ('public');
CREATE TABLE app.fragments_user (LIKE app.fragments);
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}');
INSERT INTO app.fragments_user VALUES ('user', 'alice', 'theme', '{"u": 0}');
SQL
	[ 'a privilege', <<'SQL', 'REVOKE SELECT ON app.fragments FROM keeper', qr/ERROR:  42501/ ]);
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb);
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}');
CREATE ROLE keeper;
GRANT USAGE ON SCHEMA app TO keeper;
ALTER TABLE app.fragments OWNER TO keeper;
SQL
my $library = test_library('cext_memory');
my $read = "SELECT cache_ext.get_merged_config('alice', 'theme')";

for my $window (@windows)
{
	my ($what, $setup, $sql, $expected) = @$window;

	part(
		$node,
		"$what, in the window of COMMIT PREPARED" => sub {
			my $db = database($node);
			$node->safe_psql($db, "CREATE SCHEMA app; $setup; CREATE TABLE app.dropped ()");
			$node->safe_psql($db, "SET client_min_messages = error; SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc')");
			restart_with('', 'fast');
			$node->safe_psql($db, "BEGIN; $sql; DROP TABLE app.dropped; PREPARE TRANSACTION 'before'");
			restart_with("$library, cache_ext", 'fast');
			$node->safe_psql($db, <<"SQL");
CREATE FUNCTION keep_files() RETURNS void LANGUAGE c AS '$library', 'cext_memory_keep_files';
CREATE FUNCTION is_stopped() RETURNS boolean LANGUAGE c AS '$library', 'cext_memory_is_stopped';
CREATE FUNCTION release() RETURNS void LANGUAGE c AS '$library', 'cext_memory_release';
SQL
			my ($keeper, $committer, $reader) = map { session($node, $db) } 1 .. 3;
			my $activity = sub { "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '$_[0]%' AND $_[1]" };
			is(ask($reader, $read), '{"p": 0}', 'prepared') for 1 .. 2;
			ask($reader, 'SELECT');    # the next read is told from these
			$keeper->query_until(qr/started/, "\\echo started\nSELECT keep_files();\n");
			ok($node->poll_query_until($db, 'SELECT is_stopped()'), 'files are kept');
			$committer->query_until(qr/started/, "\\echo started\nCOMMIT PREPARED 'before';\n");
			ok($node->poll_query_until($db, $activity->('COMMIT PREPARED', "wait_event = 'CheckpointerComm'")), 'the commit waits for that');
			is($node->safe_psql($db, 'SELECT count(*) FROM pg_prepared_xacts'), '0', 'others see it');

			# It reads, or waits for what the commit still has locked.
			my $said = $reader->query_until(qr/started/, "\\echo started\n$read;\n") . $reader->{stderr};
			ok($node->poll_query_until($db, $activity->('SELECT cache_ext', "(state = 'idle' OR wait_event_type = 'Lock')")), 'a read');
			$node->safe_psql($db, 'SELECT release()');
			is(ask($_, 'SELECT'), '', 'it goes on') for $keeper, $committer;
			like($said . ask($reader, 'SELECT'), $expected, 'what it read');
			like(ask($reader, $read), $expected, 'and reads again');
			like(run_sql($node, $db, $read), $expected, 'and others read');
			leave($keeper, $committer, $reader);
		});
}

$node->stop;
done_testing();
