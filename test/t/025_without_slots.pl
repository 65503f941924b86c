# Not preloaded, and on a standby, there is no shared memory to say what changed:
# each read is still by its own snapshot, in a transaction that goes on and through
# a cursor that was opened before.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $bare = new_node('bare', [], 'restart_after_crash = on');
$bare->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$bare->start;
my $primary = new_node('primary', [ allows_streaming => 1 ], 'restart_after_crash = on');
$primary->start;
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# Users of a domain each, so that a cursor has many to read; all have one key, of
# which the rank decides.
my $setup = <<'SQL';
UPDATE cache_ext.config_fragments SET config = config || jsonb_build_object('who', scope_type);
INSERT INTO cache_ext.users SELECT 'u' || i, 'acme' FROM generate_series(1, 50) i;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) SELECT 'user', 'u' || i, 'theme', jsonb_build_object('u', i, 'who', 'user') FROM generate_series(1, 50) i;
CREATE SCHEMA app;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb);
INSERT INTO app.fragments SELECT 'user', 'u' || i, 'theme', jsonb_build_object('attached', i) FROM generate_series(1, 50) i;
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": "attached"}');
CREATE TABLE app.users (login text, tenant text);
INSERT INTO app.users SELECT 'u' || i, 'other' FROM generate_series(1, 50) i;
INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('domain', 'other', 'theme', '{"o": 0}');
CREATE INDEX ON app.fragments (owner, name, kind);
CREATE INDEX ON app.users (login);
-- What the tables that are attached under this snapshot give.
CREATE FUNCTION app.merge(u text, n text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  d text;
  result jsonb;
  f jsonb;
BEGIN
  IF EXISTS (SELECT FROM cache_ext.attached a WHERE a.part = 'users') THEN
    SELECT w.tenant INTO d FROM app.users w WHERE w.login = u;
  ELSE
    SELECT w.domain_id INTO d FROM cache_ext.users w WHERE w.user_id = u;
  END IF;
  IF EXISTS (SELECT FROM cache_ext.attached a WHERE a.part = 'fragments') THEN
    SELECT jsonb_object_agg(e.key, e.value) INTO result FROM app.fragments x, jsonb_each(x.doc) e
     WHERE x.name = n AND (x.kind = 'public' AND x.owner IS NULL OR x.kind = 'user' AND x.owner = u OR x.kind = 'domain' AND x.owner = d);
    RETURN result;
  END IF;
  FOR f IN
    SELECT x.config
      FROM cache_ext.config_policies p
      JOIN cache_ext.scope_types t ON t.scope_type = p.scope_type
      JOIN cache_ext.config_fragments x ON x.config_name = p.config_name AND x.scope_type = p.scope_type
     WHERE p.config_name = n AND CASE t.keyed_by WHEN 'none' THEN x.scope_id IS NULL WHEN 'domain' THEN x.scope_id = d ELSE x.scope_id = u END
     ORDER BY coalesce(p.rank, t.default_rank), p.scope_type COLLATE "C"
  LOOP
    result := reference.combine('deep', result, f);
  END LOOP;
  RETURN result;
END
$$;
SQL
my $attach_fragments = "SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc')";
my $attach_users = "SELECT cache_ext.attach_users('app.users', 'login', 'tenant')";
my $oracle = 'app.merge';

# What another session does, and does then.  Not detach(), which drops triggers and
# would wait for the readers.
my @cases = (
	[
		'ranks change', 'UPDATE cache_ext.scope_types SET default_rank = 1000 - default_rank',
		'UPDATE cache_ext.scope_types SET default_rank = default_rank + (random() * 0)::int'
	],
	[
		'what a scope type is keyed by changes',
		"ALTER TABLE cache_ext.scope_types DISABLE TRIGGER scope_types_update; UPDATE cache_ext.scope_types SET keyed_by = 'user' WHERE scope_type LIKE 'domain%'",
		"UPDATE cache_ext.scope_types SET keyed_by = 'domain' WHERE scope_type LIKE 'domain%'"
	],
	[
		'a scope type comes',
		"INSERT INTO cache_ext.scope_types VALUES ('beta', 'user', 900); INSERT INTO cache_ext.config_policies VALUES ('theme', 'beta'); INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) SELECT 'beta', 'u' || i, 'theme', '{\"who\": \"beta\"}' FROM generate_series(1, 50) i",
		"DELETE FROM cache_ext.scope_types WHERE scope_type = 'beta'"
	],
	[ 'fragments are attached', $attach_fragments, 'DELETE FROM cache_ext.attached' ],
	[ 'users are attached', $attach_users, 'DELETE FROM cache_ext.attached' ],
	[ 'both are attached', "$attach_fragments; $attach_users", "DELETE FROM cache_ext.attached WHERE part = 'fragments'" ],
	[
		'a fragment changes', "UPDATE cache_ext.config_fragments SET config = config || '{\"w\": 1}'",
		"DELETE FROM cache_ext.config_fragments WHERE scope_type = 'public'"
	]);

sub cursor_over
{
	my ($name, $first, $last) = @_;
	my $sql = compared('U', 'theme', $oracle);

	$sql =~ s/'U'/'u' || g.i/g;
	$sql =~
	  s/^SELECT (.*) FROM \(SELECT (.*) OFFSET 0\) x$/SELECT r.result FROM generate_series($first, $last) g(i), LATERAL (SELECT $1 AS result FROM (SELECT $2 OFFSET 0) x) r/;
	return "DECLARE $name CURSOR FOR $sql";
}

for my $kind ([ 'not preloaded', $bare, $bare ], [ 'standby', $primary, $standby ])
{
	my ($where, $writer, $reader) = @$kind;

	for my $case (@cases)
	{
		my ($what, $change, $back) = @$case;

		part(
			$reader,
			"$where: $what" => sub {
				my $db = database($writer);
				$writer->safe_psql($db, "SET client_min_messages = error; $setup");
				my $do = sub {
					$writer->safe_psql($db, "SET client_min_messages = error; $_[0]");
					$writer->wait_for_catchup($reader) if $writer != $reader;
				};
				$do->('SELECT 1');
				# Nothing is pruned meanwhile, which would end the standby's readers.
				my $keeper = session($writer, $db);
				ask($keeper, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
				my ($open, $cursor, $old) = map { session($reader, $db) } 1 .. 3;
				my $exact = sub {
					my ($session, $when, @users) = @_;
					is(ask($session, compared($_, 'theme', $oracle)), 'exact', "$when: $_") for @users;
				};
				# The first read of the statement loads, a later one relies on it; and the
				# other way round.
				ask($open, 'BEGIN');
				$exact->($open, 'before', 'u1', 'alice');
				ask($cursor, 'BEGIN; ' . cursor_over('begun', 1, 12) . '; ' . cursor_over('opened', 21, 32));
				is(ask($cursor, 'FETCH 2 FROM begun'), "exact\nexact", 'the cursor has begun');
				ask($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
				$exact->($old, 'before: REPEATABLE READ', 'u1');

				for my $step ([ 'changed', $change ], [ 'changed again', $back ])
				{
					my ($when, $sql) = @$step;
					$do->($sql);
					# The cursor first, then a read beside it, then the cursor.
					is(ask($cursor, 'FETCH 2 FROM begun'), "exact\nexact", "$when: the cursor that had begun");
					$exact->($cursor, "$when: beside the cursor", 'u1', 'u41');
					is(ask($cursor, 'FETCH 2 FROM begun'), "exact\nexact", "$when: the cursor that had begun, again");
					is(ask($cursor, 'FETCH 2 FROM opened'), "exact\nexact", "$when: the cursor that had been opened");
					$exact->($open, "$when: the transaction that goes on", 'u1', 'u42', 'alice');
					$exact->($old, "$when: REPEATABLE READ", 'u1', 'u43');
					# A cursor of now, whose snapshot is the later one.
					is( ask($cursor, cursor_over('young', 44, 47) . '; FETCH 2 FROM young; FETCH 2 FROM opened; FETCH 2 FROM young; CLOSE young'),
						join("\n", ('exact') x 6), "$when: a new cursor in turns with the old one");
					is(run_sql($reader, $db, compared('u1', 'theme', $oracle)), 'exact', "$when: new session");
				}
				ask($_, 'COMMIT') for $open, $cursor, $old;
				judge($reader, $db, 'in the end', [ 'u1', 'u48', 'alice' ], 'theme', $oracle, $open, $cursor, $old);
				# A statement of several reads, beside a change that its snapshot does not see.
				ask($open, 'BEGIN; ' . cursor_over('held', 1, 50));
				ask($open, 'FETCH 1 FROM held');
				$do->($change) if $what ne 'a scope type comes';
				is(ask($open, 'FETCH ALL FROM held'), join("\n", ('exact') x 49), 'one statement, one snapshot');
				ask($open, 'COMMIT');
				$exact->($open, 'after it', 'u1', 'u49');
				leave($keeper, $open, $cursor, $old);
			});
	}

	# The oldest goes on, and the latest had ended: what is in between tells the
	# snapshots apart, and nothing else does.
	part(
		$reader,
		"$where: one of several in progress commits" => sub {
			my $db = database($writer);
			$writer->safe_psql($db, "SET client_min_messages = error; $setup");
			my ($oldest, $changing) = map { session($writer, $db) } 1 .. 2;
			ask($oldest, 'BEGIN; SELECT txid_current()');
			ask($changing, 'BEGIN; UPDATE cache_ext.scope_types SET default_rank = 1000 - default_rank');
			$writer->safe_psql($db, 'CREATE TABLE app.later ()');
			$writer->wait_for_catchup($reader) if $writer != $reader;
			my $open = session($reader, $db);
			ask($open, 'BEGIN; ' . cursor_over('begun', 1, 12));
			is(ask($open, 'FETCH 2 FROM begun'), "exact\nexact", 'in progress: a cursor');
			is(ask($open, compared($_, 'theme', $oracle)), 'exact', "in progress: $_") for 'u1', 'alice';
			my $before = ask($open, "SELECT cache_ext.get_merged_config('u1', 'theme')");
			ask($changing, 'COMMIT');
			$writer->wait_for_catchup($reader) if $writer != $reader;
			is(ask($open, compared($_, 'theme', $oracle)), 'exact', "committed: $_") for 'u1', 'alice';
			isnt(ask($open, "SELECT cache_ext.get_merged_config('u1', 'theme')"), $before, 'which is another');
			is(ask($open, 'FETCH 2 FROM begun'), "exact\nexact", 'committed: the cursor of before');
			is(ask($open, compared($_, 'theme', $oracle)), 'exact', "beside it: $_") for 'u1', 'alice';
			is(ask($open, 'FETCH 2 FROM begun'), "exact\nexact", 'and the cursor again');
			ask($_, 'ROLLBACK') for $open, $oldest;
			leave($oldest, $changing, $open);
		});
}

$standby->stop;
$primary->stop;
$bare->stop;
done_testing();
