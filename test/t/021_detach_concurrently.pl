# DETACH PARTITION CONCURRENTLY commits in two steps.  Between them old snapshots
# have the partition's rows and new ones do not: each read gets its own answer,
# and nothing is stored.

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

$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');    # for the counters

my $app = <<'SQL';
CREATE EXTENSION cache_ext;
CREATE SCHEMA app;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb) PARTITION BY LIST (kind);
CREATE TABLE app.fragments_public PARTITION OF app.fragments FOR VALUES IN ('public');
CREATE TABLE app.fragments_some PARTITION OF app.fragments FOR VALUES IN ('user', 'domain') PARTITION BY LIST (kind);
CREATE TABLE app.fragments_user PARTITION OF app.fragments_some FOR VALUES IN ('user');
CREATE TABLE app.fragments_domain PARTITION OF app.fragments_some FOR VALUES IN ('domain');
CREATE TABLE app.users (login text, tenant text) PARTITION BY LIST (tenant);
CREATE TABLE app.users_acme PARTITION OF app.users FOR VALUES IN ('acme');
CREATE TABLE app.users_other PARTITION OF app.users FOR VALUES IN ('other');
CREATE TABLE app.policies (name text, kind text, priority int) PARTITION BY LIST (kind);
CREATE TABLE app.policies_public PARTITION OF app.policies FOR VALUES IN ('public');
CREATE TABLE app.policies_user PARTITION OF app.policies FOR VALUES IN ('user');
CREATE TABLE app.policies_domain PARTITION OF app.policies FOR VALUES IN ('domain');
INSERT INTO app.policies VALUES ('theme', 'public', 1), ('theme', 'domain', 2), ('theme', 'user', 3);
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}'), ('domain', 'acme', 'theme', '{"d": 0}');
INSERT INTO app.users SELECT 'u' || i, 'acme' FROM generate_series(1, 100) i;
INSERT INTO app.fragments SELECT 'user', 'u' || i, 'theme', jsonb_build_object('u', i) FROM generate_series(1, 100) i;
CREATE INDEX ON app.fragments (owner, name, kind);
CREATE INDEX ON app.users (login);
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
SELECT cache_ext.attach_users('app.users', 'login', 'tenant');
SELECT cache_ext.attach_policies('app.policies', 'name', 'kind', 'priority');
SQL

# In the statement itself, so that it is planned under its own snapshot.
my $oracle = <<'SQL';
SELECT jsonb_object_agg(e.key, e.value) FROM app.fragments f JOIN app.policies p ON p.name = f.name AND p.kind = f.kind, jsonb_each(f.doc) e WHERE f.name = %n
   AND (f.kind = 'public' AND f.owner IS NULL OR f.kind = 'user' AND f.owner = %u OR f.kind = 'domain' AND f.owner = (SELECT w.tenant FROM app.users w WHERE w.login = %u))
SQL
$oracle =~ s/\n/ /g;

# Each user is cold once.
my $next;
sub fresh { return 'u' . ++$next }

my $exact = 'exact';

sub reads_exactly
{
	my ($session, $what, $user) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(ask($session, compared($_, 'theme', $oracle)), $exact, "$what, " . ($_ eq 'u1' ? 'read before' : 'cold')) for 'u1', $user // fresh();
	return;
}

# A cursor over reads of cold users, whose plan and snapshot are of when it was opened.
sub cursor_over
{
	my ($name, $first, $last) = @_;
	my $sql = compared('U', 'theme', $oracle);

	$sql =~ s/'U'/'u' || g.i/g;
	$sql =~
	  s/^SELECT (.*) FROM \(SELECT (.*) OFFSET 0\) x$/SELECT r.result FROM generate_series($first, $last) g(i), LATERAL (SELECT $1 AS result FROM (SELECT $2 OFFSET 0) x) r/;
	return "DECLARE $name CURSOR FOR $sql";
}

sub pending { return "SELECT count(*) FROM pg_inherits WHERE inhdetachpending" }

my @cases = (
	[ 'a leaf with matching rows', 'app.fragments', 'app.fragments_public', q{FOR VALUES IN ('public')}, q{UPDATE %s SET doc = '{"p": 1}'} ],
	[ 'a leaf below another level', 'app.fragments_some', 'app.fragments_user', q{FOR VALUES IN ('user')}, q{UPDATE %s SET doc = '{"u": -1}'} ],
	[ 'a partitioned one', 'app.fragments', 'app.fragments_some', q{FOR VALUES IN ('user', 'domain')}, q{UPDATE %s SET doc = '{"w": 1}'} ],
	[ 'users', 'app.users', 'app.users_acme', q{FOR VALUES IN ('acme')}, q{UPDATE %s SET tenant = 'acme'} ],
	[ 'policies', 'app.policies', 'app.policies_user', q{FOR VALUES IN ('user')}, q{UPDATE %s SET priority = 0} ]);

for my $case (@cases)
{
	my ($what, $parent, $partition, $bound, $write) = @$case;
	$write = sprintf($write, $partition);

	for my $ending ('goes on', 'is cancelled, and finalized')
	{
		part(
			$node,
			"$what: $ending" => sub {
				(my $db = "$what $ending") =~ s/\W+/_/g;
				$next = 10;
				$node->safe_psql('postgres', "CREATE DATABASE $db");
				$node->safe_psql($db, "SET client_min_messages = error; $app");
				my ($blocker, $detacher, $old, $cold, $cursor, $same, $open, $idle) = map { session($node, $db) } 1 .. 8;

				reads_exactly($_, 'before') for $open, $same, $cursor;
				# Old snapshots: one that has read before, one that has not; cursors, of
				# which one has begun.
				ask($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
				my $exported = ask($old, 'SELECT pg_export_snapshot()');
				reads_exactly($old, 'old snapshot, before');
				ask($_, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1') for $cold, $idle;
				ask($cursor, 'BEGIN; ' . cursor_over('begun', 60, 69) . '; ' . cursor_over('opened', 70, 79));
				is(ask($cursor, 'FETCH 2 FROM begun'), "exact\nexact", 'the cursor has begun');
				ask($same, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
				ask($blocker, "BEGIN; SELECT count(*) FROM $parent");

				$detacher->query_until(qr/started/, "\\echo started\nALTER TABLE $parent DETACH PARTITION $partition CONCURRENTLY;\n\\echo detached\n");
				ok($node->poll_query_until($db, pending(), '1'), 'the detach is pending');
				if ($ending ne 'goes on')
				{
					$node->poll_query_until(
						$db,
						"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'ALTER TABLE%' AND wait_event_type = 'Lock'"
					);
					$detacher->query_until(qr/detached/, '');
					$detacher->{stderr} = '';
					is($node->safe_psql($db, pending()), '1', 'and stays so');
				}

				my $hits = hits_of(
					$node,
					sub {
						# Turn and turn about, so that nothing of the one is left for the other.
						for my $round (1 .. 2)
						{
							reads_exactly($open, "pending $round: new snapshot");
							reads_exactly($old, "pending $round: old snapshot");
							reads_exactly($cold, "pending $round: old snapshot that had read nothing");
							is(ask($cursor, 'FETCH 2 FROM begun'), "exact\nexact", "pending $round: the cursor that had begun");
							reads_exactly($cursor, "pending $round: beside the cursor");
							is(ask($cursor, 'FETCH 2 FROM opened'), "exact\nexact", "pending $round: the cursor that had been opened");
							is(run_sql($node, $db, compared($_, 'theme', $oracle)), $exact, "pending $round: new session") for 'u1', fresh();
							is( run_sql(
									$node, $db,
									"BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$exported';"
									  . compared($_, 'theme', $oracle)
									  . '; COMMIT;'
									  . compared($_, 'theme', $oracle)),
								"exact\nexact",
								"pending $round: new session, old snapshot, then a new one") for 'u1', fresh();
						}
						# One session, from the old snapshot to a new one and the other way round.
						reads_exactly($same, 'pending: the old snapshot', 'u90');
						ask($same, 'COMMIT');
						reads_exactly($same, 'pending: after it the same key', 'u90');
						ask($same, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
						reads_exactly($same, 'pending: new REPEATABLE READ snapshot');
						ask($same, 'COMMIT');
						# Rows of the partition count for the old only.
						$node->safe_psql($db, $write);
						reads_exactly($open, 'pending: written, new snapshot');
						reads_exactly($old, 'pending: written, old snapshot');
						is(ask($cursor, 'FETCH 2 FROM begun'), "exact\nexact", 'pending: written, the cursor');
						reads_exactly($open, 'pending: once more');
					});
				is($hits, '0', 'no hits while it is pending');
				is($node->safe_psql($db, 'SELECT count(*) FROM cache_ext.entries WHERE valid'), '0', 'nothing is stored');
				is($node->safe_psql($db, 'SELECT count(*) FROM cache_ext.verify()'), '0', 'pending: verify');

				# Second step.  It waits for those who read the tables; FINALIZE for all snapshots that are older.
				ask($_, 'COMMIT') for $cursor, $old, $cold;
				ask($idle, 'COMMIT') if $ending ne 'goes on';
				ask($cold, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1') if $ending eq 'goes on';
				ask($blocker, 'COMMIT');
				if ($ending eq 'goes on')
				{
					$detacher->query_until(qr/detached/, '');
					reads_exactly($_, 'detached: old snapshot') for $idle, $cold;
					ask($_, 'COMMIT')                           for $idle, $cold;
				}
				else
				{
					is(ask($detacher, "ALTER TABLE $parent DETACH PARTITION $partition FINALIZE"), '', 'finalized');
				}
				is($node->safe_psql($db, pending()), '0', 'it is over');
				judge($node, $db, 'detached', [ 'u1', fresh() ], 'theme', $oracle, $open, $old, $cold, $cursor, $same);
				$node->safe_psql($db, $write);
				judge($node, $db, 'detached, written', [ 'u1', fresh() ], 'theme', $oracle, $open, $same);
				cmp_ok(hits_of($node, sub { ask($open, compared('u1', 'theme', $oracle)) for 1 .. 3 }), '>=', 2, 'hits again');
				$node->safe_psql($db, "ALTER TABLE $parent ATTACH PARTITION $partition $bound");
				judge($node, $db, 'attached again', [ 'u1', fresh() ], 'theme', $oracle, $open, $same);
				$node->safe_psql($db, $write);
				judge($node, $db, 'attached again, written', [ 'u1', fresh() ], 'theme', $oracle, $open, $same);
				leave($blocker, $detacher, $old, $cold, $cursor, $same, $open, $idle);
			});
	}
}

$node->stop;
done_testing();
