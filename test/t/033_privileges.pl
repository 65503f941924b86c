# Fills read as the table's owner.  What the owner may no longer read is refused,
# whether it is cached or not, from the commit that took the privilege away.

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
$node->safe_psql(
	'postgres',
	'CREATE EXTENSION cache_ext; CREATE ROLE keeper; CREATE ROLE readers; CREATE ROLE holder; CREATE ROLE caller LOGIN; GRANT readers TO keeper');

# The tables are keeper's, their schema is somebody's; keeper may use it by himself,
# as a member of readers, or because it is his.
my $setup = <<'SQL';
SET client_min_messages = error;
CREATE SCHEMA app;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb);
CREATE TABLE app.users (login text, tenant text);
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}'), ('domain', 'north', 'theme', '{"d": 0}'), ('user', 'ann', 'theme', '{"u": 0}');
INSERT INTO app.users VALUES ('ann', 'north');
CREATE INDEX ON app.fragments (owner, name, kind);
CREATE INDEX ON app.users (login);
ALTER TABLE app.fragments OWNER TO keeper;
ALTER TABLE app.users OWNER TO keeper;
SQL
my $attach = <<'SQL';
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
SELECT cache_ext.attach_users('app.users', 'login', 'tenant');
GRANT USAGE ON SCHEMA cache_ext TO caller;
GRANT EXECUTE ON FUNCTION cache_ext.get_merged_config(text, text, boolean), cache_ext.compute_config(text, text) TO caller;
SQL
my $read = "SELECT cache_ext.get_merged_config('ann', 'theme')";
my $compute = "SELECT cache_ext.compute_config('ann', 'theme')";
my $whole = '{"d": 0, "p": 0, "u": 0}';
my $refused = qr/^ERROR:  42501: /;

# [ what, how it is granted, how it is taken, how it is given back, is it refused ]
my @cases = (
	[
		'USAGE on the schema revoked from the owner', 'GRANT USAGE ON SCHEMA app TO keeper', 'REVOKE USAGE ON SCHEMA app FROM keeper',
		'GRANT USAGE ON SCHEMA app TO keeper', 1
	],
	[
		'ALL on the schema revoked from the owner', 'GRANT ALL ON SCHEMA app TO keeper', 'REVOKE ALL ON SCHEMA app FROM keeper',
		'GRANT USAGE ON SCHEMA app TO keeper', 1
	],
	[
		'USAGE revoked from a group of the owner', 'GRANT USAGE ON SCHEMA app TO readers', 'REVOKE USAGE ON SCHEMA app FROM readers',
		'GRANT USAGE ON SCHEMA app TO readers', 1
	],
	[ 'USAGE revoked from PUBLIC', 'GRANT USAGE ON SCHEMA app TO PUBLIC', 'REVOKE USAGE ON SCHEMA app FROM PUBLIC', 'GRANT USAGE ON SCHEMA app TO PUBLIC', 1 ],
	[ 'the schema given to another', 'ALTER SCHEMA app OWNER TO keeper', 'ALTER SCHEMA app OWNER TO holder', 'ALTER SCHEMA app OWNER TO keeper', 1 ],
	[
		'the schema given away, by REASSIGN OWNED', 'ALTER SCHEMA app OWNER TO readers', 'REASSIGN OWNED BY readers TO holder',
		'ALTER SCHEMA app OWNER TO readers', 1
	],
	[
		'the schema given from one who did not matter to another', 'ALTER SCHEMA app OWNER TO holder; GRANT USAGE ON SCHEMA app TO keeper',
		'ALTER SCHEMA app OWNER TO CURRENT_USER', 'ALTER SCHEMA app OWNER TO holder', 0
	],
	[ 'DROP OWNED BY a group of the owner', 'GRANT USAGE ON SCHEMA app TO readers', 'DROP OWNED BY readers', 'GRANT USAGE ON SCHEMA app TO readers', 1 ],
	[
		'REVOKE SELECT from the owner', 'GRANT USAGE ON SCHEMA app TO keeper', 'REVOKE SELECT ON app.fragments FROM keeper',
		'GRANT SELECT ON app.fragments TO keeper', 1
	],
	[
		'REVOKE of another table from the owner', 'GRANT USAGE ON SCHEMA app TO keeper', 'REVOKE SELECT ON app.users FROM keeper',
		'GRANT SELECT ON app.users TO keeper', 1
	],
	[
		'REVOKE SELECT ON ALL TABLES', 'GRANT USAGE ON SCHEMA app TO keeper', 'REVOKE SELECT ON ALL TABLES IN SCHEMA app FROM keeper',
		'GRANT SELECT ON ALL TABLES IN SCHEMA app TO keeper', 1
	],
	[
		'what is left when columns are granted', 'GRANT USAGE ON SCHEMA app TO keeper',
		'REVOKE SELECT ON app.fragments FROM keeper; GRANT SELECT (kind, owner, name) ON app.fragments TO keeper',
		'GRANT SELECT (doc) ON app.fragments TO keeper', 1
	],
	[
		'INSERT revoked, which no read needs', 'GRANT USAGE ON SCHEMA app TO keeper', 'REVOKE INSERT ON app.fragments FROM keeper',
		'GRANT INSERT ON app.fragments TO keeper', 0
	],
	[
		'the table given to one who may not', 'GRANT USAGE ON SCHEMA app TO keeper', 'ALTER TABLE app.fragments OWNER TO holder',
		'ALTER TABLE app.fragments OWNER TO keeper', 1
	],
	[
		'the schema changed for another', 'GRANT USAGE ON SCHEMA app TO keeper; CREATE SCHEMA closed', 'ALTER TABLE app.fragments SET SCHEMA closed',
		'ALTER TABLE closed.fragments SET SCHEMA app', 1
	],
	# Roles are shared by all databases, and no command on them concerns a table.
	[ 'the owner leaves the group that may', 'GRANT USAGE ON SCHEMA app TO readers', 'REVOKE readers FROM keeper', 'GRANT readers TO keeper', 1 ],
	[ 'the owner is no superuser any more', 'ALTER ROLE keeper SUPERUSER', 'ALTER ROLE keeper NOSUPERUSER', 'ALTER ROLE keeper SUPERUSER', 1 ]);

for my $case (@cases)
{
	my ($what, $grant, $take, $back, $is_refused) = @$case;

	part(
		$node,
		$what => sub {
			my $db = database($node);
			$node->safe_psql($db, "$setup $grant; $attach");
			my ($open, $caller, $within) = (session($node, $db), session($node, $db, extra_params => [ '-U', 'caller' ]), session($node, $db));
			my @all = ($open, $caller);
			is(ask($_, $read), $whole, 'read') for @all, @all;
			is(run_sql($node, $db, $read), $whole, 'read by a new session');

			# Taken and kept: nothing happened.
			$node->safe_psql($db, "BEGIN; $take; ROLLBACK");
			cmp_ok(hits_of($node, sub { is(ask($_, $read), $whole, 'rolled back') for @all, @all }), '>=', 3, 'hits');

			# Within the transaction that takes it, and at its end.
			ask($within, 'BEGIN; ' . $read);
			ask($within, $take);
			is(ask($_, $read), $whole, 'not committed') for @all;
			my $state = ask($within, "SAVEPOINT s;\n$compute;\nROLLBACK TO s;\n$read;\nROLLBACK TO s");
			$is_refused ? like($state, qr/42501.*42501/s, 'refused where it was taken') : is($state, "$whole\n$whole", 'read where it was taken');
			is(ask($within, 'COMMIT'), '', 'committed');
			foreach my $session (@all, $within, undef)
			{
				foreach my $sql ($compute, $read, $read)
				{
					my $answer = defined $session ? ask($session, $sql) : run_sql($node, $db, $sql);
					$is_refused ? like($answer, $refused, "refused: $sql") : is($answer, $whole, "read: $sql");
				}
			}
			$node->safe_psql($db, $back);
			is(ask($_, $read), $whole, 'given back') for @all, @all;
			cmp_ok(hits_of($node, sub { is(ask($_, $read), $whole, 'given back') for @all, @all }), '>=', 3, 'and cached');
			is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.verify()'), '0', 'verify');
			leave(@all, $within);
			$node->safe_psql('postgres', "DROP DATABASE $db");
		});
}

$node->safe_psql('postgres', 'ALTER ROLE keeper NOSUPERUSER');

# The extension's own tables, whose owner is no superuser any more.
part(
	$node,
	'the schema of the extension given away' => sub {
		my $db = database($node);
		$node->safe_psql(
			$db,
			join('; ', map { "ALTER TABLE cache_ext.$_ OWNER TO keeper" } qw(attached scope_types config_definitions config_policies config_fragments users)));
		my $session = session($node, $db);
		my $own = "SELECT cache_ext.get_merged_config('alice', 'theme')";
		like(ask($session, $own), $refused, 'he may not use the schema');
		$node->safe_psql($db, 'ALTER SCHEMA cache_ext OWNER TO keeper');
		judge($node, $db, 'he may', [ 'alice', 'bob' ], 'theme', 'reference.merge', $session);
		$node->safe_psql($db, 'ALTER SCHEMA cache_ext OWNER TO holder');
		like(ask($session, $own), $refused, 'he may not again') for 1 .. 2;
		like(run_sql($node, $db, $own), $refused, 'new session');
		$node->safe_psql($db, 'GRANT USAGE ON SCHEMA cache_ext TO keeper');
		judge($node, $db, 'granted', [ 'alice', 'bob' ], 'theme', 'reference.merge', $session);
		leave($session);
		$node->safe_psql('postgres', "DROP DATABASE $db");
	});

$node->stop;
done_testing();
