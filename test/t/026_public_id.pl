# The id of public fragments is a value of their column's type.  Where the type
# changes so that it is none, their fragments do not go missing unnoticed.

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

my $user = '6c1f4a06-0f63-4a0f-9c0b-0f4a5f3f8a11';
my $setup = <<"SQL";
SET client_min_messages = error;
CREATE SCHEMA app;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb);
CREATE INDEX ON app.fragments (owner, name, kind);
SQL

# [ type before, public id, others' ids, type afterwards, how, is it still a value ]
my @cases = (
	[ 'text', '', $user, 'uuid', "nullif(owner, '')::uuid", 0 ],
	[ 'text', 'everybody', $user, 'uuid', "nullif(owner, 'everybody')::uuid", 0 ],
	[ 'text', 'everybody', '17', 'integer', "nullif(owner, 'everybody')::integer", 0 ],
	[ 'text', '5000000000', '17', 'integer', "nullif(owner, '5000000000')::integer", 0 ],
	[ 'text', '42', '17', 'bigint', 'owner::bigint', 1 ],
	[ 'text', '00000000-0000-0000-0000-000000000000', $user, 'uuid', 'owner::uuid', 1 ],
	[ 'text', 'everybody', 'ann', 'varchar(20)', 'owner', 1 ],
	[ 'text', 'everybody', 'ann', 'char(12)', 'owner', 1 ],
	[ 'text', 'everybody', 'ann', "app.owners", "nullif(owner, 'everybody')::app.owners", 0 ]);

for my $case (@cases)
{
	my ($from, $public, $id, $to, $using, $is_value) = @$case;

	part(
		$node,
		"public_id '$public', $to" => sub {
			my $db = database($node);
			$node->safe_psql($db, $setup);
			$node->safe_psql(
				$db,
				"CREATE TYPE app.owners AS ENUM ('ann', 'bob'); INSERT INTO app.fragments VALUES ('public', '$public', 'theme', '{\"p\": 0}'), ('user', '$id', 'theme', '{\"u\": 0}')"
			);
			$node->safe_psql($db, "SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc', '$public')");
			my ($open, $other) = map { session($node, $db) } 1 .. 2;
			my $read = "SELECT cache_ext.get_merged_config('$id', 'theme')";
			my $whole = '{"p": 0, "u": 0}';
			is(ask($_, $read), $whole, 'before') for $open, $open, $other;
			$node->safe_psql($db, "ALTER TABLE app.fragments ALTER owner TYPE $to USING $using");

			my $hits = hits_of(
				$node,
				sub {
					foreach my $session ($open, $other, undef)
					{
						my $answer = defined $session ? ask($session, "$read;\n$read") : run_sql($node, $db, "$read;\n$read");
						$is_value ? is($answer, "$whole\n$whole", 'as before') : unlike($answer, qr/XX000|gone|server closed/, 'an answer or an error');
					}
				});
			is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.verify()'), '0', 'verify') if $is_value;
			my $suspended = run_sql($node, $db, "SELECT suspended, length(reason) > 0, length(hint) > 0 FROM cache_ext.sources WHERE part = 'fragments'");
			if ($is_value)
			{
				is($suspended, 'f||', 'not suspended');
				cmp_ok($hits, '>=', 3, 'hits');
			}
			else
			{
				is($suspended, 't|t|t', 'suspended, with reason and hint');
				is($hits, '0', 'no hits');
				like(run_sql($node, $db, "SELECT reason, hint FROM cache_ext.sources WHERE part = 'fragments'"), qr/public/, 'which say what it is about');
				# Done about it: null is a value of all types.
				unlike(run_sql($node, $db, "SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc')"), qr/ERROR/, 'attached anew');
				is(ask($_, $read), $whole, 'as before') for $open, $open, $other;
				is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.sources WHERE suspended'), '0', 'no longer suspended');
			}
			$node->safe_psql($db, q{UPDATE app.fragments SET doc = '{"p": 1}' WHERE kind = 'public'});
			is(ask($_, $read), '{"p": 1, "u": 0}', 'a write is seen') for $open, $open, $other;
			leave($open, $other);
		});
}

# At attach, whoever has other public fragments than those that will count is told.
my @warned = (
	[ 'null where public_id is given', q{('public', NULL), ('user', 'ann')}, "'public'", 1 ],
	[ 'an id where public_id is null', q{('public', 'public'), ('user', 'ann')}, 'NULL', 1 ],
	[ 'another id', q{('public', 'everybody'), ('user', 'ann')}, "'public'", 1 ],
	[ 'some of them', q{('public', NULL), ('public', 'public'), ('user', 'ann')}, 'NULL', 1 ],
	[ 'of another scope type that is keyed by none', q{('global', 'x'), ('user', 'ann')}, 'NULL', 1 ],
	[ 'null, as it should be', q{('public', NULL), ('user', 'ann'), ('domain', 'north')}, 'NULL', 0 ],
	[ 'the id that is given', q{('public', 'public'), ('global', 'public'), ('user', 'public'), ('user', 'ann')}, "'public'", 0 ],
	[ 'none at all', q{('user', 'ann'), ('domain', 'public')}, 'NULL', 0 ]);

for my $case (@warned)
{
	my ($what, $rows, $public_id, $is_warned) = @$case;

	part(
		$node,
		"a warning: $what" => sub {
			my $db = database($node);
			$node->safe_psql(
				$db,
				"$setup INSERT INTO cache_ext.scope_types VALUES ('global', 'none', 50); INSERT INTO app.fragments SELECT v.kind, v.owner, 'theme', '{}' FROM (VALUES $rows) v (kind, owner)"
			);
			my ($ret, $out, $err) = $node->psql(
				$db, "\\set VERBOSITY verbose\nSELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc', $public_id)",
				on_error_stop => 0);
			my @warnings = grep { /public_id/ } $err =~ /(WARNING:  01\w{3}: (?:(?!WARNING:|NOTICE:|ERROR:).)*)/gs;
			is(scalar(@warnings) > 0 ? 1 : 0, $is_warned, $is_warned ? 'warned' : 'not warned') or diag($err);
			is(run_sql($node, $db, 'SELECT count(*) FROM cache_ext.attached'), '1', 'and attached');
		});
}

$node->stop;
done_testing();
