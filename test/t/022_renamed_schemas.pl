# Two schemas change names under a read: it reads the tables that are attached,
# whatever they are called meanwhile.

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

# The tables of schema "right" are attached, under their first name; those of
# "wrong" have the same names and other contents.  Users and policies are
# partitioned: there are locks to wait for after a read has begun.
my $setup = "CREATE EXTENSION cache_ext;\n";
for my $schema ('right', 'wrong')
{
	$setup .= <<"SQL";
CREATE SCHEMA $schema;
CREATE TABLE $schema.fragments (kind text, owner text, name text, doc jsonb);
CREATE TABLE $schema.users (login text, tenant text) PARTITION BY LIST (tenant);
CREATE TABLE $schema.users_all PARTITION OF $schema.users FOR VALUES IN ('right', 'wrong');
CREATE TABLE $schema.policies (name text, kind text, priority int) PARTITION BY LIST (name);
CREATE TABLE $schema.policies_all PARTITION OF $schema.policies DEFAULT;
CREATE TABLE $schema.domains (name text, id text);
INSERT INTO $schema.policies VALUES ('theme', 'public', 1), ('theme', 'domain', 2), ('theme', 'user', 3);
INSERT INTO $schema.users SELECT 'u' || i, '$schema' FROM generate_series(1, 100) i;
INSERT INTO $schema.domains VALUES ('right', '$schema'), ('wrong', '$schema');
INSERT INTO $schema.fragments VALUES ('public', NULL, 'theme', '{"p": "$schema"}'), ('domain', 'right', 'theme', '{"d": "$schema"}'), ('domain', 'wrong', 'theme', '{"d": "$schema"}');
INSERT INTO $schema.fragments SELECT 'user', 'u' || i, 'theme', '{"u": "$schema"}' FROM generate_series(1, 100) i;
CREATE INDEX ON $schema.fragments (owner, name, kind);
CREATE INDEX ON $schema.users (login);
CREATE INDEX ON $schema.domains (name);
SQL
}
$setup .= <<'SQL';
SELECT cache_ext.attach_fragments('right.fragments', 'kind', 'owner', 'name', 'doc');
SELECT cache_ext.attach_users('right.users', 'login', 'tenant', 'right.domains');
SELECT cache_ext.attach_policies('right.policies', 'name', 'kind', 'priority');
-- What is right does not change, whatever it is called.
CREATE SCHEMA expected;
CREATE TABLE expected.users (login text, doc jsonb);
INSERT INTO expected.users SELECT 'u' || i, '{"p": "right", "d": "right", "u": "right"}' FROM generate_series(1, 100) i;
CREATE FUNCTION expected.merge(u text, n text) RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT e.doc FROM expected.users e WHERE e.login = u $$;
SQL
my $swap = 'ALTER SCHEMA "right" RENAME TO between; ALTER SCHEMA wrong RENAME TO "right"; ALTER SCHEMA between RENAME TO wrong';
my $oracle = 'expected.merge';

sub new_database
{
	my ($db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	(my $quoted = $setup) =~ s/\bright\./"right"./g;
	$quoted =~ s/SCHEMA right/SCHEMA "right"/;
	$node->safe_psql($db, $quoted);
	return;
}

# A cold read waits for a lock of one table; in the meantime the schemas swap.
for my $table ('users_all', 'users', 'domains', 'policies_all', 'fragments')
{
	for my $how ('a session that has read before', 'a new session')
	{
		part(
			$node,
			"swapped while $how waits for $table" => sub {
				(my $db = "swap $table $how") =~ s/\W+/_/g;
				new_database($db);
				my ($locker, $reader, $other) = map { session($node, $db) } 1 .. 3;
				if ($how ne 'a new session')
				{
					is(ask($reader, compared($_, 'theme', $oracle)), 'exact', 'before') for 'u1', 'u2';
				}
				$node->safe_psql($db, 'SELECT cache_ext.invalidate_all()');
				ask($locker, qq{BEGIN; LOCK TABLE "right".$table});
				$reader->query_until(qr/started/, "\\echo started\n" . compared('u50', 'theme', $oracle) . ";\n\\echo finished\n");
				ok( $node->poll_query_until(
						$db, "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database() WHERE NOT l.granted",
						'1'),
					'the read waits');
				$node->safe_psql($db, $swap);
				ask($locker, 'COMMIT');
				my $answer = $reader->query_until(qr/finished/, '');
				$answer =~ s/\s*(started|finished)\s*//g;
				is($answer . errors_of_session($reader), 'exact', 'the read that waited');
				judge($node, $db, 'afterwards', [ 'u50', 'u1', 'u51' ], 'theme', $oracle, $reader, $other);
				# The other tables have the old names now, and are nobody's.
				$node->safe_psql(
					$db,
					q{UPDATE "right".fragments SET doc = '{"p": "never"}'; UPDATE wrong.fragments SET doc = doc || '{"w": 1}'; UPDATE expected.users SET doc = doc || '{"w": 1}'}
				);
				judge($node, $db, 'written', [ 'u50', 'u1', 'u52' ], 'theme', $oracle, $reader, $other);
				$node->safe_psql($db, $swap);
				judge($node, $db, 'swapped back', [ 'u50', 'u53' ], 'theme', $oracle, $reader, $other);
				leave($locker, $reader, $other);
			});
	}
}

sub errors_of_session
{
	my ($session) = @_;
	return $session->{stderr} =~ /(ERROR|FATAL).*/ ? $& : '';
}

# A loop of swaps beside cold reads, each its own transaction: as many as were
# asked for, and no wrong one, and none that fails.
part(
	$node,
	'a loop of swaps beside cold reads' => sub {
		my $db = 'swap_loop';
		new_database($db);
		$node->safe_psql($db, <<'SQL');
CREATE TABLE expected.wrong (what text);
CREATE PROCEDURE expected.swap(n int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. n LOOP
    ALTER SCHEMA "right" RENAME TO between;
    ALTER SCHEMA wrong RENAME TO "right";
    ALTER SCHEMA between RENAME TO wrong;
    COMMIT;
    EXIT WHEN (SELECT count(*) FROM expected.wrong w WHERE w.what = 'done') = 3;
  END LOOP;
END
$$;
CREATE PROCEDURE expected.read(n int, seed int) LANGUAGE plpgsql AS $$
DECLARE
  u text;
  cached jsonb;
BEGIN
  FOR i IN 1 .. n LOOP
    u := 'u' || 1 + (i * 7 + seed) % 100;
    BEGIN
      cached := cache_ext.get_merged_config(u, 'theme');
      IF cached IS DISTINCT FROM '{"p": "right", "d": "right", "u": "right"}' THEN
        INSERT INTO expected.wrong VALUES (format('WRONG: %s', cached));
      END IF;
    EXCEPTION WHEN OTHERS THEN
      INSERT INTO expected.wrong VALUES (SQLSTATE || ' ' || SQLERRM);
    END;
    COMMIT;
  END LOOP;
  INSERT INTO expected.wrong VALUES ('done');
END
$$;
SQL
		my $swapper = session($node, $db);
		my @readers = map { session($node, $db) } 1 .. 3;
		$readers[$_]->query_until(qr/started/, "\\echo started\nCALL expected.read(1500, $_);\n\\echo finished\n") for 0 .. $#readers;
		$swapper->query_until(qr/started/, "\\echo started\nCALL expected.swap(100000);\n\\echo finished\n");
		$_->query_until(qr/finished/, '') for @readers, $swapper;
		is( $node->safe_psql($db, q{SELECT count(*) FILTER (WHERE what = 'done'), count(*) FILTER (WHERE what LIKE 'WRONG%') FROM expected.wrong}), '3|0',
			'all have read, and none was wrong');
		is( $node->safe_psql(
				$db, q{SELECT what, count(*) FROM expected.wrong WHERE what NOT LIKE 'WRONG%' AND what <> 'done' GROUP BY 1 ORDER BY 2 DESC LIMIT 3}),
			'',
			'and none failed');
		judge($node, $db, 'afterwards', [ map { "u$_" } 1 .. 20 ], 'theme', $oracle, @readers);
		leave($swapper, @readers);
	});

# A name that changes makes what is cached a miss: of a schema with a source, and
# of the extension's.
for my $schema ('wrong', 'cache_ext')
{
	part(
		$node,
		"schema $schema is renamed and back" => sub {
			my $db = "rename_$schema";
			new_database($db);
			$node->safe_psql($db, $swap);    # the attached ones are in "wrong" now
			my $other = session($node, $db);
			judge($node, $db, 'before', ['u1'], 'theme', $oracle, $other);
			$node->safe_psql($db, "BEGIN; ALTER SCHEMA $schema RENAME TO elsewhere; ROLLBACK");
			cmp_ok(hits_of($node, sub { ask($other, compared('u1', 'theme', $oracle)) for 1 .. 2 }), '>=', 1, 'rolled back: hits');
			# Triggers disabled while it has another name, and a row written.
			my $trigger = "cache_ext_row";
			my $table = $schema eq 'wrong' ? 'elsewhere.fragments' : 'wrong.fragments';
			$node->safe_psql($db, "ALTER SCHEMA $schema RENAME TO elsewhere");
			$node->safe_psql($db, "ALTER TABLE $table DISABLE TRIGGER $trigger");
			$node->safe_psql($db, "UPDATE $table SET doc = doc || '{\"w\": 1}'; UPDATE expected.users SET doc = doc || '{\"w\": 1}'");
			$node->safe_psql($db, "ALTER TABLE $table ENABLE ALWAYS TRIGGER $trigger");
			$node->safe_psql($db, "ALTER SCHEMA elsewhere RENAME TO $schema");
			judge($node, $db, 'renamed back', [ 'u1', 'u2' ], 'theme', $oracle, $other);
			leave($other);
		});
}

$node->stop;
done_testing();
