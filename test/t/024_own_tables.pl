# The extension's own tables, altered by who may: a read is what they give as they
# are, or an error that says what is wrong with them; nothing that is stored is
# wrong, and no session dies.

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

my ($definitions, $scope_types, $policies, $fragments, $users, $attached) =
  map { "cache_ext.$_" } qw(config_definitions scope_types config_policies config_fragments users attached);
my $major = $node->pg_version =~ /^(\d+)/ ? $1 : 0;

# The reference merge, of columns of whatever types: by their texts, and a rank by
# its value.
my $merge = <<'SQL';
SET client_min_messages = error;
UPDATE cache_ext.config_fragments SET config = config || jsonb_build_object('who', scope_type);
CREATE FUNCTION reference.merge_altered(u text, n text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  result jsonb;
  f record;
BEGIN
  FOR f IN EXECUTE
    'SELECT rtrim(d.merge_strategy::text) AS strategy, x.config::jsonb AS config
       FROM cache_ext.config_definitions d
       JOIN cache_ext.config_policies p ON p.config_name::text = d.config_name::text
       JOIN cache_ext.scope_types t ON t.scope_type::text = p.scope_type::text
       JOIN cache_ext.config_fragments x ON x.config_name::text = p.config_name::text AND x.scope_type::text = p.scope_type::text
      WHERE d.config_name::text = $2
        AND CASE rtrim(t.keyed_by::text)
              WHEN ''none'' THEN x.scope_id IS NULL
              WHEN ''domain'' THEN x.scope_id::text = (SELECT w.domain_id::text FROM cache_ext.users w WHERE w.user_id::text = $1)
              WHEN ''user'' THEN x.scope_id::text = $1
            END
      ORDER BY coalesce(p.rank::numeric, t.default_rank::numeric) NULLS FIRST, p.scope_type::text COLLATE "C"' USING u, n
  LOOP
    result := reference.combine(f.strategy, result, f.config);
  END LOOP;
  RETURN result;
END
$$;
SQL

# What is done; what is written afterwards; name => what is read instead of theme.
my $no_keys = join(
	'; ', map { "ALTER TABLE $_->[0] DROP CONSTRAINT $_->[1] CASCADE" }[ $definitions, 'config_definitions_pkey' ], [ $policies, 'config_policies_pkey' ],
	[ $fragments, 'config_fragments_config_name_scope_type_scope_id_key' ], [ $definitions, 'config_definitions_config_name_check' ]);
my $numbers = join(
	'; ', $no_keys, map { "ALTER TABLE $_ ALTER config_name TYPE integer USING CASE config_name WHEN 'theme' THEN 7 ELSE 8 END" } $definitions, $policies,
	$fragments);
my $set_strategy = "UPDATE $definitions SET merge_strategy = 'replace'";
my $set_rank = "UPDATE $scope_types SET default_rank = 1000 - default_rank";
my @cases = (
	# Types.
	# As 32 bits these would be 50 and 400.
	[
		'default_rank bigint',
		"ALTER TABLE $scope_types ALTER default_rank TYPE bigint; UPDATE $scope_types SET default_rank = 4294967346 WHERE scope_type = 'public'",
		"UPDATE $scope_types SET default_rank = -4294966896 WHERE scope_type = 'user'"
	],
	[
		'default_rank numeric',
		"ALTER TABLE $scope_types ALTER default_rank TYPE numeric; UPDATE $scope_types SET default_rank = 300.25 WHERE scope_type = 'public'; UPDATE $scope_types SET default_rank = 300.125 WHERE scope_type = 'user'",
		"UPDATE $scope_types SET default_rank = 100.75 WHERE scope_type <> 'user'; UPDATE $scope_types SET default_rank = 100.875 WHERE scope_type = 'domain'"
	],
	[ 'default_rank smallint', "ALTER TABLE $scope_types ALTER default_rank TYPE smallint", $set_rank ],
	[ 'default_rank text', "ALTER TABLE $scope_types ALTER default_rank TYPE text", "UPDATE $scope_types SET default_rank = '99' WHERE scope_type = 'user'" ],
	[
		'rank bigint', "ALTER TABLE $policies ALTER rank TYPE bigint; UPDATE $policies SET rank = 4294967346 WHERE scope_type = 'public'",
		"UPDATE $policies SET rank = -4294966896 WHERE scope_type = 'user'"
	],
	[
		'rank numeric', "ALTER TABLE $policies ALTER rank TYPE numeric; UPDATE $policies SET rank = 400 WHERE scope_type = 'public'",
		"UPDATE $policies SET rank = 50 WHERE scope_type = 'user'"
	],
	[
		'merge_strategy char(12)',
		"ALTER TABLE $definitions DROP CONSTRAINT config_definitions_merge_strategy_check; ALTER TABLE $definitions ALTER merge_strategy TYPE char(12)",
		$set_strategy
	],
	[
		'merge_strategy name',
		"ALTER TABLE $definitions DROP CONSTRAINT config_definitions_merge_strategy_check; ALTER TABLE $definitions ALTER merge_strategy TYPE name",
		$set_strategy
	],
	[
		'merge_strategy an enum',
		"CREATE TYPE public.strategy AS ENUM ('deep', 'replace'); ALTER TABLE $definitions DROP CONSTRAINT config_definitions_merge_strategy_check; ALTER TABLE $definitions ALTER merge_strategy DROP DEFAULT, ALTER merge_strategy TYPE public.strategy USING merge_strategy::public.strategy",
		$set_strategy
	],
	[
		'keyed_by char(12)',
		"ALTER TABLE $scope_types DROP CONSTRAINT scope_types_keyed_by_check; DROP TRIGGER scope_types_update ON $scope_types; ALTER TABLE $scope_types ALTER keyed_by TYPE char(12)",
		"UPDATE $scope_types SET keyed_by = 'user' WHERE scope_type = 'domain'"
	],
	[ 'scope_type varchar', "ALTER TABLE $scope_types DROP CONSTRAINT scope_types_pkey CASCADE, ALTER scope_type TYPE varchar(40)", $set_rank ],
	[ 'config_name integer', $numbers, "UPDATE $fragments SET config = config || '{\"w\": 1}'", '7' ],
	[
		'config_name integer in definitions only',
		"$no_keys; INSERT INTO $definitions SELECT '7', merge_strategy FROM $definitions WHERE config_name = 'theme'; DELETE FROM $definitions WHERE config_name <> '7'; UPDATE $policies SET config_name = '7' WHERE config_name = 'theme'; UPDATE $fragments SET config_name = '7'; ALTER TABLE $definitions ALTER config_name TYPE integer USING config_name::integer",
		$set_strategy, '7'
	],
	[ 'config_name integer, asked for a word', $numbers, "UPDATE $fragments SET config = config || '{\"w\": 1}'" ],
	[ 'config json', "ALTER TABLE $fragments ALTER config TYPE json", "UPDATE $fragments SET config = '{\"w\": 1}' WHERE scope_type = 'public'" ],
	[ 'config text', "ALTER TABLE $fragments ALTER config TYPE text", "UPDATE $fragments SET config = '{\"w\": 1}' WHERE scope_type = 'public'" ],
	[
		'user_id and domain_id char(10)', "ALTER TABLE $users ALTER user_id TYPE char(10), ALTER domain_id TYPE char(10)",
		"UPDATE $users SET domain_id = NULL WHERE user_id = 'bob'"
	],
	[
		'ttl text',
		"ALTER TABLE $definitions DROP CONSTRAINT config_definitions_ttl_check; ALTER TABLE $definitions ALTER ttl TYPE text; UPDATE $definitions SET ttl = 'soon'",
		$set_strategy
	],

	# Nulls.
	[ 'merge_strategy null', "ALTER TABLE $definitions ALTER merge_strategy DROP NOT NULL; UPDATE $definitions SET merge_strategy = NULL", $set_strategy ],
	[
		'keyed_by null',
		"DROP TRIGGER scope_types_update ON $scope_types; ALTER TABLE $scope_types ALTER keyed_by DROP NOT NULL; UPDATE $scope_types SET keyed_by = NULL WHERE scope_type = 'domain'",
		"UPDATE $scope_types SET keyed_by = 'user' WHERE scope_type = 'domain'"
	],
	[
		'default_rank null',
		"ALTER TABLE $scope_types ALTER default_rank DROP NOT NULL; UPDATE $scope_types SET default_rank = NULL WHERE scope_type = 'public'",
		"UPDATE $scope_types SET default_rank = 1000 WHERE scope_type = 'public'"
	],
	[
		'scope_type null',
		"ALTER TABLE $scope_types DROP CONSTRAINT scope_types_pkey CASCADE; ALTER TABLE $scope_types ALTER scope_type DROP NOT NULL; INSERT INTO $scope_types VALUES (NULL, 'user', 1)",
		$set_rank
	],
	[
		'config null', "ALTER TABLE $fragments ALTER config DROP NOT NULL; UPDATE $fragments SET config = NULL WHERE scope_type = 'domain'",
		"UPDATE $fragments SET config = '{\"w\": 1}' WHERE scope_type = 'domain'"
	],

	# Words that are not known.
	[
		'merge_strategy unknown',
		"ALTER TABLE $definitions DROP CONSTRAINT config_definitions_merge_strategy_check; UPDATE $definitions SET merge_strategy = 'sideways'", $set_strategy
	],
	[
		'keyed_by unknown',
		"DROP TRIGGER scope_types_update ON $scope_types; ALTER TABLE $scope_types DROP CONSTRAINT scope_types_keyed_by_check; UPDATE $scope_types SET keyed_by = 'planet' WHERE scope_type = 'domain'",
		"UPDATE $scope_types SET keyed_by = 'user' WHERE scope_type = 'domain'"
	],

	# Columns that are computed, gone, or another.
	[
		'merge_strategy generated, stored',
		"ALTER TABLE $definitions DROP merge_strategy; ALTER TABLE $definitions ADD other int, ADD merge_strategy text GENERATED ALWAYS AS (CASE other WHEN 1 THEN 'replace' ELSE 'deep' END) STORED",
		"UPDATE $definitions SET other = 1"
	],
	[
		'default_rank generated, stored',
		"ALTER TABLE $scope_types DROP default_rank; ALTER TABLE $scope_types ADD other int, ADD default_rank int GENERATED ALWAYS AS (length(scope_type) * coalesce(other, 1)) STORED",
		"UPDATE $scope_types SET other = -1"
	],
	(   $major >= 18
		? ( [
				'merge_strategy generated, virtual',
				"ALTER TABLE $definitions DROP merge_strategy; ALTER TABLE $definitions ADD other int, ADD merge_strategy text GENERATED ALWAYS AS (CASE other WHEN 1 THEN 'replace' ELSE 'deep' END) VIRTUAL",
				"UPDATE $definitions SET other = 1"
			],
			[
				'default_rank generated, virtual',
				"ALTER TABLE $scope_types DROP default_rank; ALTER TABLE $scope_types ADD other int, ADD default_rank int GENERATED ALWAYS AS (length(scope_type) * coalesce(other, 1)) VIRTUAL",
				"UPDATE $scope_types SET other = -1"
			],
			[
				'keyed_by generated, virtual',
				"DROP TRIGGER scope_types_update ON $scope_types; ALTER TABLE $scope_types DROP keyed_by; ALTER TABLE $scope_types ADD other int, ADD keyed_by text GENERATED ALWAYS AS (CASE WHEN scope_type = 'public' THEN 'none' WHEN other = 1 THEN 'user' ELSE 'domain' END) VIRTUAL",
				"UPDATE $scope_types SET other = 1"
			])
		: ()),
	(   map {
			my ($table, $column) = @$_;
			my $drop = $column eq 'keyed_by' ? "DROP TRIGGER scope_types_update ON $scope_types; " : '';
			(   [ "$table.$column dropped", "${drop}ALTER TABLE $table DROP $column CASCADE", "UPDATE $fragments SET updated_at = now()" ],
				[ "$table.$column renamed", "ALTER TABLE $table RENAME $column TO was", "UPDATE $fragments SET updated_at = now()" ])
		}[ $definitions, 'config_name' ],
		[ $definitions, 'merge_strategy' ],
		[ $definitions, 'ttl' ],
		[ $scope_types, 'scope_type' ],
		[ $scope_types, 'keyed_by' ],
		[ $scope_types, 'default_rank' ],
		[ $policies, 'config_name' ],
		[ $policies, 'scope_type' ],
		[ $policies, 'rank' ],
		[ $fragments, 'scope_type' ],
		[ $fragments, 'scope_id' ],
		[ $fragments, 'config_name' ],
		[ $fragments, 'config' ],
		[ $users, 'user_id' ],
		[ $users, 'domain_id' ]),
	[
		'merge_strategy another column',
		"ALTER TABLE $definitions RENAME merge_strategy TO was; ALTER TABLE $definitions ADD merge_strategy text NOT NULL DEFAULT 'replace'",
		"UPDATE $definitions SET merge_strategy = 'deep'"
	],
	[
		'default_rank another column',
		"ALTER TABLE $scope_types RENAME default_rank TO was; ALTER TABLE $scope_types ALTER was DROP NOT NULL, ADD default_rank int; UPDATE $scope_types SET default_rank = 1000 - was",
		"UPDATE $scope_types SET default_rank = was"
	],

	# Triggers that are off: what is remembered of a table is no longer known to be true.
	(   map {
			my ($table, $write) = @$_;
			[ "$table without its triggers", "ALTER TABLE $table DISABLE TRIGGER cache_ext_row, DISABLE TRIGGER cache_ext_statement", $write ]
		}[ $scope_types, $set_rank ],
		[ $definitions, $set_strategy ],
		[ $policies, "UPDATE $policies SET rank = 1 WHERE scope_type = 'user'" ],
		[ $fragments, "UPDATE $fragments SET config = '{}'" ],
		[ $users, "UPDATE $users SET domain_id = NULL" ]));

# An answer is exact, or an error that was thought of.
sub is_clear
{
	my ($answer) = @_;
	return
		 $answer =~ /^ERROR:  (\w{5}): /m
	  && $1 ne 'XX000'
	  && $1 ne 'XX001'
	  && $answer !~ /WRONG|gone|cache lookup failed|server closed|FATAL|PANIC/ ? 1 : $answer eq "exact\nexact";
}

# The sessions' reads, each of them twice; how many hits there were, and whether any failed.
sub examine
{
	my ($db, $what, $name, @sessions) = @_;
	my $failed = 0;
	my $hits = hits_of(
		$node,
		sub {
			my $n = 0;
			foreach my $session (@sessions, undef)
			{
				foreach my $user ('alice', 'bob')
				{
					my $sql = join(";\n", (compared($user, $name, 'reference.merge_altered')) x 2);
					my $answer = defined $session ? ask($session, $sql) : run_sql($node, $db, $sql);
					$failed++ if $answer =~ /ERROR/;
					ok(is_clear($answer), "$what: $user, " . (defined $session ? 'session ' . ($n + 1) : 'new session')) or diag($answer);
				}
				$n++;
			}
		});
	my $verified = run_sql($node, $db, 'SELECT count(*) FROM cache_ext.verify()');
	ok($verified eq '0' || $verified =~ /^ERROR:  (?!XX)/, "$what: verify") or diag($verified);
	return ($hits, $failed);
}

# Hits are for sources that are whole; what computes says why.
sub examine_sources
{
	my ($db, $what, $hits, $failed) = @_;
	my $suspended = run_sql($node, $db, 'SELECT count(*), count(reason), count(hint) FROM cache_ext.sources WHERE suspended');

	if ($failed)
	{
		like($suspended, qr/^[1-9]|^ERROR:  (?!XX)/, "$what: sources say so");
	}
	elsif ($hits > 0)
	{
		is($suspended, '0|0|0', "$what: cached, and not suspended");
	}
	else
	{
		like($suspended, qr/^([1-9]\d*)\|\1\|\1$/, "$what: computed, and suspended with reason and hint");
	}
	return;
}

for my $case (@cases)
{
	my ($what, $sql, $write, $name) = @$case;
	$name //= 'theme';

	part(
		$node,
		$what => sub {
			my $db = database($node);
			$node->safe_psql($db, $merge);
			my ($open, $other) = map { session($node, $db) } 1 .. 2;
			judge($node, $db, 'before', [ 'alice', 'bob' ], 'theme', 'reference.merge_altered', $open, $other);
			$node->safe_psql($db, $sql);
			my ($hits, $failed) = examine($db, 'altered', $name, $open, $other);
			# A word that is no value of the column's type is the caller's fault, and none of the table's.
			examine_sources($db, 'altered', $hits, $failed) unless $what =~ /asked for a word/;
			# The write itself may be refused, by a foreign key that is gone with its table.
			run_sql($node, $db, $write);
			examine($db, 'written', $name, $open, $other);
			# Its own write, seen and undone.
			ask($other, "BEGIN; $write");
			examine($db, 'being written', $name, $open, $other);
			ask($other, 'ROLLBACK');
			examine($db, 'undone', $name, $open, $other);
			unlike(
				run_sql(
					$node, $db,
					"TABLE cache_ext.health; SELECT * FROM cache_ext.explain_config('alice', '$name'); SELECT cache_ext.prewarm_names(); SELECT cache_ext.prewarm_users(10)"
				),
				qr/XX000|XX001|server closed/,
				'views and functions');
			leave($open, $other);
		});
}

# The table of what is attached.
my $app = <<'SQL';
CREATE SCHEMA app;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb);
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": "attached"}'), ('user', 'alice', 'theme', '{"u": "attached"}');
CREATE INDEX ON app.fragments (owner, name, kind);
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
SQL
my $ours = '{"d": 0, "e": 0, "p": 0, "u": 0, "who": "user"}';
my $theirs = '{"p": "attached", "u": "attached"}';
my @attached = (
	[ 'columns null', "ALTER TABLE $attached ALTER columns DROP NOT NULL; UPDATE $attached SET columns = NULL" ],
	[ 'columns of nulls', "UPDATE $attached SET columns = '{NULL,NULL,NULL,NULL}'" ],
	[ 'one column null', "UPDATE $attached SET columns[4] = NULL" ],
	[ 'no columns', "UPDATE $attached SET columns = '{}'" ],
	[ 'too many columns', "UPDATE $attached SET columns = columns || columns || columns || columns", $theirs ],
	[ 'columns in two dimensions', "UPDATE $attached SET columns = ARRAY[columns, columns]", $theirs ],
	[ 'columns with other bounds', "UPDATE $attached SET columns = ('[7:10]=' || columns::text)::cache_ext.regcolumn[]", $theirs ],
	[ 'columns text[]', "ALTER TABLE $attached ALTER columns TYPE text[] USING columns::text[]", $theirs ],
	[ 'columns text', "ALTER TABLE $attached ALTER columns TYPE text USING columns::text", $theirs ],
	[
		'columns of another table',
		"UPDATE $attached SET columns = ARRAY['cache_ext.users.user_id', 'cache_ext.users.user_id', 'cache_ext.users.user_id', 'cache_ext.users.user_id']::cache_ext.regcolumn[]"
	],
	[ 'relation null', "ALTER TABLE $attached ALTER relation DROP NOT NULL; UPDATE $attached SET relation = NULL", $ours ],
	[ 'relation oid', "ALTER TABLE $attached ALTER relation TYPE oid", $theirs ],
	[ 'relation text', "ALTER TABLE $attached ALTER relation TYPE text", $theirs ],
	[ 'relation bigint', "ALTER TABLE $attached ALTER relation TYPE bigint USING relation::oid::bigint", $theirs ],
	[ 'part null', "ALTER TABLE $attached DROP CONSTRAINT attached_pkey, ALTER part DROP NOT NULL; UPDATE $attached SET part = NULL", $ours ],
	[ 'part unknown', "ALTER TABLE $attached DROP CONSTRAINT attached_part_check; UPDATE $attached SET part = 'planets'", $ours ],
	[ 'part one of the extension\'s', "ALTER TABLE $attached DROP CONSTRAINT attached_part_check; UPDATE $attached SET part = 'attached'", $ours ],
	[ 'part definitions', "ALTER TABLE $attached DROP CONSTRAINT attached_part_check; UPDATE $attached SET part = 'definitions'", $ours ],
	[
		'part twice', "ALTER TABLE $attached DROP CONSTRAINT attached_pkey, DROP CONSTRAINT attached_relation_key; INSERT INTO $attached TABLE $attached",
		$theirs
	],
	[ 'part char(12)', "ALTER TABLE $attached DROP CONSTRAINT attached_part_check; ALTER TABLE $attached ALTER part TYPE char(12)", $theirs ],
	[ 'part renamed', "ALTER TABLE $attached RENAME part TO was" ],
	[ 'columns dropped', "ALTER TABLE $attached DROP columns" ],
	[ 'public_id dropped', "ALTER TABLE $attached DROP public_id", $theirs ],
	[ 'public_id integer', "ALTER TABLE $attached ALTER public_id TYPE integer USING 42", '{"u": "attached"}' ],
	[
		'a table of the extension\'s',
		"UPDATE $attached SET relation = 'cache_ext.config_fragments', columns = ARRAY['cache_ext.config_fragments.scope_type', 'cache_ext.config_fragments.scope_id', 'cache_ext.config_fragments.config_name', 'cache_ext.config_fragments.config']::cache_ext.regcolumn[]",
		$ours
	],
	[
		'without its triggers, detached by hand',
		"ALTER TABLE $attached DISABLE TRIGGER cache_ext_row, DISABLE TRIGGER cache_ext_statement; DELETE FROM $attached", $ours
	]);

for my $case (@attached)
{
	my ($what, $sql, $expected) = @$case;

	part(
		$node,
		"attached: $what" => sub {
			my $db = database($node);
			$node->safe_psql($db, $merge . $app);
			my ($open, $other) = map { session($node, $db) } 1 .. 2;
			my $read = "SELECT cache_ext.get_merged_config('alice', 'theme')";
			is(ask($_, $read), $theirs, 'before') for $open, $open, $other;
			$node->safe_psql($db, $sql);
			my $altered = sub {
				my ($when) = @_;
				my $failed = 0;
				my $hits = hits_of(
					$node,
					sub {
						foreach my $session ($open, $other, undef)
						{
							my $answer = defined $session ? ask($session, "$read;\n$read") : run_sql($node, $db, "$read;\n$read");
							$failed++ if $answer =~ /ERROR/;
							ok( (defined $expected && $answer eq "$expected\n$expected") || ($answer =~ /ERROR/ && is_clear($answer)),
								"$when: " . (defined $session ? 'session' : 'new session')) or diag($answer);
						}
					});
				my $verified = run_sql($node, $db, 'SELECT count(*) FROM cache_ext.verify()');
				ok($verified eq '0' || $verified =~ /^ERROR:  (?!XX)/, "$when: verify") or diag($verified);
				return ($hits, $failed);
			};
			examine_sources($db, 'altered', $altered->('altered'));
			unlike(
				run_sql(
					$node, $db,
					'TABLE cache_ext.health; SELECT cache_ext.prewarm_names(); UPDATE app.fragments SET doc = doc; UPDATE cache_ext.config_fragments SET config = config'
				),
				qr/XX000|XX001|server closed/,
				'views, functions and writes');
			$altered->('written');
			leave($open, $other);
		});
}

$node->stop;
done_testing();
