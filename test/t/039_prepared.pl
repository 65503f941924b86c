# PREPARE TRANSACTION is refused to a transaction that wrote or altered what is
# read, since its commit could not tell; and to no other.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'restart_after_crash = on', 'max_prepared_transactions = 20');
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN; CREATE ROLE somebody');

my $setup = <<'SQL';
SET client_min_messages = error;
CREATE SCHEMA app;
CREATE TABLE app.fragments (kind text, owner text, name text, doc jsonb);
INSERT INTO app.fragments VALUES ('public', NULL, 'theme', '{"p": 0}');
CREATE INDEX ON app.fragments (owner, name, kind);
SELECT cache_ext.attach_fragments('app.fragments', 'kind', 'owner', 'name', 'doc');
CREATE SCHEMA other;
CREATE TABLE other.plain (i int PRIMARY KEY, t text);
CREATE TABLE other.partitioned (i int) PARTITION BY LIST (i);
CREATE TABLE other.partition PARTITION OF other.partitioned FOR VALUES IN (1);
CREATE TYPE other.word AS ENUM ('a', 'b');
CREATE FUNCTION other.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION other.trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
GRANT USAGE ON SCHEMA other TO somebody;
GRANT ALL ON SCHEMA other TO nobody;
GRANT SELECT ON other.plain TO somebody;
CREATE FUNCTION app.merge(u text, n text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_object_agg(e.key, e.value) FROM app.fragments f, jsonb_each(f.doc) e WHERE f.name = n AND (f.kind = 'public' AND f.owner IS NULL OR f.kind = 'user' AND f.owner = u)
$$;
SQL
my $read = "SELECT cache_ext.get_merged_config('alice', 'theme')";
my $refused = qr/^ERROR:  (?!XX)\w{5}: cannot PREPARE a transaction that has/m;
my $db = database($node);
$node->safe_psql($db, $setup);
$node->safe_psql('postgres', 'CREATE DATABASE without');
my $session = session($node, $db);

# What a part has left prepared does not hold up the next.
sub forget
{
	run_sql($node, $_->[0], "ROLLBACK PREPARED '$_->[1]'") for [ $db, 'it' ], [ $db, 'next' ], [ 'without', 'elsewhere' ];
	ask($session, 'ROLLBACK');
	return;
}

# What does nothing to a source: prepared, committed, and all is exact.
my @free = (
	[ 'nothing', 'SELECT 1' ],
	[ 'reads', "$read; SELECT cache_ext.get_public_config('theme'); TABLE cache_ext.sources" ],
	[ 'a write of another table', "INSERT INTO other.plain VALUES (1, 'x'); UPDATE other.plain SET t = 'y'" ],
	[ 'a write and a read', "INSERT INTO other.plain VALUES (2, 'x'); $read" ],
	[ 'a cold read', "INSERT INTO other.plain VALUES (3, 'x'); SELECT cache_ext.get_merged_config('cold', 'theme')" ],
	[ 'a table created and altered', 'CREATE TABLE other.new (i int); ALTER TABLE other.new ADD t text; CREATE INDEX ON other.new (t)' ],
	[ 'a table altered', 'ALTER TABLE other.plain ADD more int' ],
	[ 'a table dropped', 'DROP TABLE other.new' ],
	[ 'a table truncated', 'TRUNCATE other.plain' ],
	[
		'triggers of another table',
		'CREATE TRIGGER t BEFORE INSERT ON other.plain FOR EACH ROW EXECUTE FUNCTION other.trigger(); ALTER TABLE other.plain DISABLE TRIGGER t'
	],
	[
		'partitions of another table',
		'CREATE TABLE other.two PARTITION OF other.partitioned FOR VALUES IN (2); ALTER TABLE other.partitioned DETACH PARTITION other.partition'
	],
	[ 'row-level security of another table', 'ALTER TABLE other.plain ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON other.plain USING (true)' ],
	[ 'a type of another table', 'CREATE TYPE other.more AS (i int); CREATE DOMAIN other.d AS int; ALTER DOMAIN other.d SET NOT NULL' ],
	[
		'functions',
		"CREATE OR REPLACE FUNCTION other.f() RETURNS int LANGUAGE sql AS 'SELECT 2'; CREATE FUNCTION other.g() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION other.g()"
	],
	[ 'a grant on another table', 'GRANT SELECT ON other.plain TO PUBLIC; REVOKE SELECT ON other.plain FROM PUBLIC' ],
	[ 'a grant on another schema', 'GRANT CREATE ON SCHEMA other TO somebody' ],
	[ 'a grant on all tables of another schema', 'GRANT SELECT ON ALL TABLES IN SCHEMA other TO somebody' ],
	[ 'another schema', 'CREATE SCHEMA third; ALTER SCHEMA third RENAME TO fourth; DROP SCHEMA fourth' ],
	[ 'DROP OWNED BY one who has nothing there', 'DROP OWNED BY somebody' ],
	[ 'roles', 'CREATE ROLE passing; ALTER ROLE passing CREATEDB; DROP ROLE passing' ]);
foreach my $case (@free)
{
	my ($what, $sql) = @$case;

	part(
		$node,
		"prepared: $what" => sub {
			ask($session, $read) for 1 .. 2;
			is(run_sql($node, $db, "\\o /dev/null\nBEGIN; $sql; PREPARE TRANSACTION 'it'"), '', 'PREPARE TRANSACTION');
			judge($node, $db, 'prepared', ['alice'], 'theme', 'app.merge', $session);
			is(run_sql($node, $db, "COMMIT PREPARED 'it'"), '', 'COMMIT PREPARED');
			judge($node, $db, 'committed', ['alice'], 'theme', 'app.merge', $session);
			forget();
		});
}

# One who may do nothing of consequence, and a database that has no extension.
part(
	$node,
	'prepared: by one without privileges, and elsewhere' => sub {
		my @nobody = ('-U', 'nobody');
		is(run_sql($node, $db, "BEGIN; GRANT USAGE ON SCHEMA app TO nobody; PREPARE TRANSACTION 'warned'", @nobody) =~ s/^ERROR:  42501.*//mr =~
			  s/^ERROR:  25P02.*//mr, '', 'a grant that is refused');
		is( run_sql($node, $db, "BEGIN; CREATE TABLE other.his (i int); ALTER TABLE other.his ADD j int; PREPARE TRANSACTION 'his'", @nobody), '',
			'a table of his own');
		is(run_sql($node, $db, "ROLLBACK PREPARED 'his'", @nobody), '', 'undone');
		foreach my $sql (
			'GRANT USAGE ON SCHEMA public TO somebody', 'DROP OWNED BY somebody',
			'CREATE TYPE word AS ENUM (\'a\'); ALTER TYPE word RENAME VALUE \'a\' TO \'b\'',
			'CREATE TABLE t (i int); GRANT SELECT ON ALL TABLES IN SCHEMA public TO somebody',
			'CREATE SCHEMA cache_ext; CREATE TABLE cache_ext.users (i int); ALTER TABLE cache_ext.users ADD j int')
		{
			is(run_sql($node, 'without', "BEGIN; $sql; PREPARE TRANSACTION 'elsewhere'"), '', "without the extension: $sql");
			is(run_sql($node, 'without', "ROLLBACK PREPARED 'elsewhere'"), '', 'undone');
			forget();
		}
	});

# What does something to a source: refused, rolled back, and all is as it was.
my @bound = (
	[ 'a fragment written', "UPDATE app.fragments SET doc = '{\"p\": 1}'" ],
	[ 'a user written', "INSERT INTO cache_ext.users VALUES ('new', 'acme')" ],
	[ 'TRUNCATE', 'TRUNCATE app.fragments' ],
	[ 'a column added', 'ALTER TABLE app.fragments ADD more int' ],
	[ 'a column renamed', 'ALTER TABLE app.fragments RENAME doc TO document' ],
	[ 'a column retyped', 'ALTER TABLE app.fragments ALTER name TYPE varchar(40)' ],
	[ 'the table renamed', 'ALTER TABLE app.fragments RENAME TO pieces' ],
	[ 'the table moved', 'ALTER TABLE app.fragments SET SCHEMA other' ],
	[ 'the table given away', 'ALTER TABLE app.fragments OWNER TO somebody' ],
	[ 'the table dropped', 'DROP TABLE app.fragments CASCADE' ],
	[ 'the table made a child', 'CREATE TABLE other.parent (LIKE app.fragments); ALTER TABLE app.fragments INHERIT other.parent' ],
	[
		'the table made a partition',
		'CREATE TABLE other.root (LIKE app.fragments) PARTITION BY LIST (kind); ALTER TABLE other.root ATTACH PARTITION app.fragments DEFAULT'
	],
	[ 'triggers disabled', 'ALTER TABLE app.fragments DISABLE TRIGGER USER' ],
	[ 'a trigger of ours dropped', 'DROP TRIGGER cache_ext_row ON app.fragments' ],
	[ 'a trigger of ours replaced', 'CREATE OR REPLACE TRIGGER cache_ext_row AFTER INSERT ON app.fragments FOR EACH ROW EXECUTE FUNCTION other.trigger()' ],
	[ 'an own table altered', 'ALTER TABLE cache_ext.users ADD more int' ],
	[ 'row-level security', 'ALTER TABLE app.fragments ENABLE ROW LEVEL SECURITY' ],
	[ 'a grant on the table', 'REVOKE SELECT ON app.fragments FROM CURRENT_USER' ],
	[ 'a grant on its schema', 'GRANT USAGE ON SCHEMA app TO somebody' ],
	[ 'its schema renamed', 'ALTER SCHEMA app RENAME TO applied' ],
	[ 'its schema given away', 'ALTER SCHEMA app OWNER TO somebody' ],
	[ 'the schema of the extension renamed', 'ALTER SCHEMA cache_ext RENAME TO elsewhere' ],
	[ 'detached', "SELECT cache_ext.detach('app.fragments')" ],
	[ 'attached with another column', "ALTER TABLE other.plain ADD doc jsonb; SELECT cache_ext.detach('app.fragments')" ],
	[ 'all invalidated', 'SELECT cache_ext.invalidate_all()' ]);
foreach my $case (@bound)
{
	my ($what, $sql) = @$case;

	part(
		$node,
		"refused: $what" => sub {
			ask($session, $read) for 1 .. 2;
			like(run_sql($node, $db, "BEGIN; $sql; PREPARE TRANSACTION 'it'"), $refused, 'PREPARE TRANSACTION');
			is(run_sql($node, $db, 'SELECT count(*) FROM pg_prepared_xacts'), '0', 'nothing is prepared');
			forget();
			judge($node, $db, 'as it was', [ 'alice', 'bob' ], 'theme', 'app.merge', $session);
			# The session goes on, and can prepare what it may.
			is(ask($session, "BEGIN; $sql; PREPARE TRANSACTION 'it'") =~ $refused ? 1 : 0, 1, 'in a session that goes on');
			forget();
			is(ask($session, "BEGIN; INSERT INTO other.plain (i) VALUES (99); PREPARE TRANSACTION 'next'"), '', 'the next one is prepared');
			is(ask($session, "ROLLBACK PREPARED 'next'"), '', 'and undone');
			forget();
		});
}

leave($session);
$node->stop;
done_testing();
