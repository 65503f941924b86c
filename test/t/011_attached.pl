# An attached table in dumps, and as the target of logical replication.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tables = <<'SQL';
CREATE SCHEMA app;
CREATE TABLE app.users (login text PRIMARY KEY, tenant text);
CREATE TABLE app.fragments (gone int, kind text NOT NULL, owner text, name text NOT NULL, body jsonb) PARTITION BY LIST (kind);
CREATE TABLE app.fragments_public PARTITION OF app.fragments FOR VALUES IN ('public');
CREATE TABLE app.fragments_other PARTITION OF app.fragments DEFAULT;
CREATE UNIQUE INDEX ON app.fragments (owner, name, kind) NULLS NOT DISTINCT;
ALTER TABLE app.fragments DROP gone;
SQL
my $attach = <<'SQL';
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'body');
SELECT cache_ext.attach_users('app.users', 'login', 'tenant');
SQL
my $exact = <<'SQL';
SELECT cache_ext.get_merged_config('ann', 'n') IS NOT DISTINCT FROM
  (SELECT jsonb_object_agg(e.key, e.value) FROM app.fragments f, jsonb_each(f.body) e WHERE f.name = 'n'
      AND (f.kind = 'public' AND f.owner IS NULL OR f.kind = 'user' AND f.owner = 'ann'
           OR f.kind = 'domain' AND f.owner = (SELECT tenant FROM app.users WHERE login = 'ann')))
SQL

my $node = new_node('publisher', [ allows_streaming => 'logical' ]);
my $dir = $node->basedir;
$node->start;
$node->safe_psql('postgres', "CREATE EXTENSION cache_ext; $tables $attach");
$node->safe_psql('postgres', <<'SQL');
INSERT INTO app.users VALUES ('ann', 'north');
INSERT INTO app.fragments VALUES ('public', NULL, 'n', '{"p": 0}'), ('domain', 'north', 'n', '{"d": 0}'), ('user', 'ann', 'n', '{"u": 0}');
ALTER TABLE app.fragments RENAME body TO document;
SQL
$exact =~ s/f\.body/f.document/;
my $whole = q{{"d": 0, "p": 0, "u": 0}};
is(read_config($node, 'ann', 'n'), $whole, 'attached') for 1 .. 2;

# What is attached, and its triggers, come back; the column under its new name.
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), "$dir/dump" ], 'restore');
is( $node->safe_psql('restored', 'SELECT string_agg(part, \',\' ORDER BY part) FROM cache_ext.sources WHERE attached AND NOT suspended'), 'fragments,users',
	'what was attached is');
like($node->safe_psql('restored', q{SELECT columns FROM cache_ext.sources WHERE part = 'fragments'}), qr/config => document/, 'by its new name');
my $hits = count($node, 'hits');
is(read_config($node, 'ann', 'n', 'restored'), $whole, 'the merge is the same') for 1 .. 2;
is(count($node, 'hits'), $hits + 1, 'and cached');
$node->safe_psql('restored', q{UPDATE app.fragments_public SET document = '{"p": 1}'});
is(read_config($node, 'ann', 'n', 'restored'), '{"d": 0, "p": 1, "u": 0}', 'a write to a partition is seen');

# Data alone, with the triggers disabled, where the absence is cached.
$node->safe_psql('postgres', 'CREATE DATABASE data');
$node->safe_psql('data', "CREATE EXTENSION cache_ext; $tables ALTER TABLE app.fragments RENAME body TO document;");
(my $renamed = $attach) =~ s/'body'/'document'/;
$node->safe_psql('data', $renamed);
is(read_config($node, 'ann', 'n', 'data'), '', 'absent, and cached') for 1 .. 2;
$node->command_ok(
	[ 'pg_restore', '--exit-on-error', '--data-only', '--disable-triggers', '-n', 'app', '-d', $node->connstr('data'), "$dir/dump" ],
	'data-only restore');
is(read_config($node, 'ann', 'n', 'data'), $whole, 'the absence is forgotten') for 1 .. 2;
isnt($node->safe_psql('data', 'SELECT reason FROM cache_ext.sources WHERE suspended'), '', 'the sources are suspended');
$node->safe_psql('data', $renamed);
$hits = count($node, 'hits');
is(read_config($node, 'ann', 'n', 'data'), $whole, 'attached again') for 1 .. 2;
is(count($node, 'hits'), $hits + 1, 'cached again');

# Replicated by way of the root, then partition by partition.
for my $via_root ('true', 'false')
{
	my $subscriber = new_node("subscriber_$via_root", []);
	$subscriber->start;
	$subscriber->safe_psql('postgres', "CREATE EXTENSION cache_ext; $tables ALTER TABLE app.fragments RENAME body TO document; $renamed");
	$node->safe_psql(
		'postgres',
		"CREATE PUBLICATION p_$via_root FOR TABLE app.fragments, app.users WITH (publish_via_partition_root = $via_root); ALTER TABLE app.fragments REPLICA IDENTITY FULL; ALTER TABLE app.fragments_public REPLICA IDENTITY FULL; ALTER TABLE app.fragments_other REPLICA IDENTITY FULL;"
	);
	$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s_$via_root CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION p_$via_root");
	$subscriber->wait_for_subscription_sync($node, "s_$via_root");
	is(read_config($subscriber, 'ann', 'n'), $whole, "copied, via root: $via_root") for 1 .. 2;
	for my $write (
		q{UPDATE app.fragments SET document = '{"p": 2}' WHERE kind = 'public'}, q{UPDATE app.users SET tenant = NULL},
		q{UPDATE app.users SET tenant = 'north'},
		q{INSERT INTO app.fragments VALUES ('domain', 'south', 'n', '{"d": 1}')}, q{UPDATE app.users SET tenant = 'south'}, 'TRUNCATE app.fragments_other',
		'TRUNCATE app.fragments')
	{
		$node->safe_psql('postgres', $write);
		$node->wait_for_catchup("s_$via_root");
		is($subscriber->safe_psql('postgres', $exact), 't', "exact after: $write") for 1 .. 2;
	}
	is(read_config($subscriber, 'ann', 'n'), '', 'nothing is left');
	cmp_ok(count($subscriber, 'hits'), '>=', 7, 'hits in between');
	$subscriber->safe_psql('postgres', "DROP SUBSCRIPTION s_$via_root");
	$subscriber->stop;
	$node->safe_psql('postgres', <<'SQL');
UPDATE app.users SET tenant = 'north';
INSERT INTO app.fragments VALUES ('public', NULL, 'n', '{"p": 0}'), ('domain', 'north', 'n', '{"d": 0}'), ('user', 'ann', 'n', '{"u": 0}');
SQL
}
$node->stop;

done_testing();
