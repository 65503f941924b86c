# Listeners hear once of each transaction what it changed, and of nothing else.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', []);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 2\n");
$node->start;
load($node);
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION cache_ext');

# What a session that listens hears of the statements it runs, the xid taken out.
sub heard
{
	my ($sql, $db) = @_;
	my ($out, $err);
	$node->psql($db // 'postgres', "LISTEN cache_ext;\n$sql\n", stdout => \$out, stderr => \$err);
	my @payloads = $out =~ /^Asynchronous notification "cache_ext" with payload "(.*)" received/gm;
	s/^\{"v":1,"xid":"\d+",// or die "payload $_" foreach @payloads;
	return join(' | ', @payloads);
}

my $theme = "UPDATE cache_ext.config_fragments SET config = config || jsonb_build_object('n', random()) WHERE config_name = 'theme' AND scope_type";
my $alice = "$theme = 'user'";

is(heard("$alice;"), '"slices":[{"kind":"user","id":"alice","name":"theme","scope_type":"user"}]}', 'a user fragment');
is(heard("$theme = 'domain';"), '"slices":[{"kind":"domain","id":"acme","name":"theme","scope_type":"domain"}]}', 'a domain fragment');
is( heard("$theme = 'domain_user_defaults';"), '"slices":[{"kind":"domain","id":"acme","name":"theme","scope_type":"domain_user_defaults"}]}',
	'which defaults are too');
is(heard("$theme = 'public';"), '"slices":[{"kind":"name","name":"theme","scope_type":"public"}]}', 'a public fragment');
is(heard("UPDATE cache_ext.users SET domain_id = 'other' WHERE user_id = 'bob';"), '"slices":[{"kind":"user","id":"bob"}]}', 'a user who moves');
is(heard("UPDATE cache_ext.config_definitions SET ttl = '1 hour' WHERE config_name = 'menu';"), '"slices":[{"kind":"name","name":"menu"}]}', 'a definition');

# Once a transaction, each slice once, none that another one contains.
is( heard(
		"BEGIN; $alice; $alice; INSERT INTO cache_ext.users VALUES ('carol', 'acme'); UPDATE cache_ext.users SET domain_id = NULL WHERE user_id = 'carol'; COMMIT;"
	),
	'"slices":[{"kind":"user","id":"alice","name":"theme","scope_type":"user"},{"kind":"user","id":"carol"}]}',
	'coalesced');
is(heard("BEGIN; $alice; $theme = 'public'; COMMIT;"), '"slices":[{"kind":"name","name":"theme"}]}', 'what a name contains is left out');
is( heard("BEGIN; $alice; UPDATE cache_ext.users SET domain_id = 'x' WHERE user_id = 'alice'; COMMIT;"), '"slices":[{"kind":"user","id":"alice"}]}',
	'and what a user contains');
is( heard("$alice; $alice;"), join(' | ', ('"slices":[{"kind":"user","id":"alice","name":"theme","scope_type":"user"}]}') x 2),
	'two transactions, two notifications');
is(heard(q{INSERT INTO cache_ext.users VALUES (E'say "hi"\n\u00fc');}), '"slices":[{"kind":"user","id":"say \"hi\"\n' . "\x{c3}\x{bc}" . '"}]}', 'escaped');

# The scope type is told where there is but one, and where nothing else changed.
is( heard("BEGIN; $theme = 'domain'; $theme = 'domain'; COMMIT;"), '"slices":[{"kind":"domain","id":"acme","name":"theme","scope_type":"domain"}]}',
	'one scope type, twice');
is(heard("BEGIN; $theme = 'domain'; $theme = 'domain_user_defaults'; COMMIT;"), '"slices":[{"kind":"domain","id":"acme","name":"theme"}]}', 'two');
is( heard("BEGIN; $theme = 'domain'; $theme = 'domain_user_defaults'; $theme = 'domain'; COMMIT;"), '"slices":[{"kind":"domain","id":"acme","name":"theme"}]}',
	'two, and the first one again');
is( heard("BEGIN; $theme = 'domain'; SAVEPOINT a; $theme = 'domain_user_defaults'; ROLLBACK TO a; COMMIT;"),
	'"slices":[{"kind":"domain","id":"acme","name":"theme"}]}', 'two, also if one was rolled back');
is( heard("BEGIN; SAVEPOINT a; $theme = 'domain'; ROLLBACK TO a; $theme = 'domain_user_defaults'; COMMIT;"),
	'"slices":[{"kind":"domain","id":"acme","name":"theme","scope_type":"domain_user_defaults"}]}', 'one, after another that was rolled back');
is( heard(
		"BEGIN; DELETE FROM cache_ext.config_fragments WHERE config_name = 'theme' AND scope_type = 'domain_user_defaults'; UPDATE cache_ext.config_fragments SET scope_type = 'domain_user_defaults' WHERE config_name = 'theme' AND scope_type = 'domain'; COMMIT;"
	),
	'"slices":[{"kind":"domain","id":"acme","name":"theme"}]}',
	'a fragment that changes its scope type');
$node->safe_psql('postgres', "INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('domain', 'acme', 'theme', '{}')");
my $definition = "UPDATE cache_ext.config_definitions SET ttl = coalesce(ttl, '0') + '1 hour' WHERE config_name = 'theme'";
is(heard("BEGIN; $theme = 'public'; $definition; COMMIT;"), '"slices":[{"kind":"name","name":"theme"}]}', 'a public fragment, and the definition');
is(heard("BEGIN; $definition; $theme = 'public'; COMMIT;"), '"slices":[{"kind":"name","name":"theme"}]}', 'the other way round');
$node->safe_psql(
	'postgres',
	q{INSERT INTO cache_ext.scope_types VALUES ('say "hi"', 'user', 400); INSERT INTO cache_ext.config_policies VALUES ('menu', 'say "hi"')});
is( heard(q{INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('say "hi"', 'alice', 'menu', '{}');}),
	'"slices":[{"kind":"user","id":"alice","name":"menu","scope_type":"say \"hi\""}]}', 'a scope type that is escaped');

# A user and a domain of one id are two.
$node->safe_psql('postgres', "INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) VALUES ('user', 'acme', 'theme', '{}')");
is( heard("BEGIN; $theme = 'user' AND scope_id = 'acme'; $theme = 'domain'; COMMIT;"),
	'"slices":[{"kind":"user","id":"acme","name":"theme","scope_type":"user"},{"kind":"domain","id":"acme","name":"theme","scope_type":"domain"}]}',
	'a user and a domain of one id');
is( heard("BEGIN; SELECT cache_ext.invalidate_domain('acme'), cache_ext.invalidate_user('acme'); COMMIT;"),
	'"slices":[{"kind":"domain","id":"acme"},{"kind":"user","id":"acme"}]}', 'all of them');
is( heard("BEGIN; SELECT cache_ext.invalidate_user('acme'); $theme = 'domain'; COMMIT;"),
	'"slices":[{"kind":"user","id":"acme"},{"kind":"domain","id":"acme","name":"theme","scope_type":"domain"}]}', 'a user contains nothing of the domain');
is( heard("BEGIN; SELECT cache_ext.invalidate_domain('acme'); $theme = 'user' AND scope_id = 'acme'; COMMIT;"),
	'"slices":[{"kind":"domain","id":"acme"},{"kind":"user","id":"acme","name":"theme","scope_type":"user"}]}', 'nor a domain of the user');
$node->safe_psql('postgres', "DELETE FROM cache_ext.config_fragments WHERE scope_type = 'user' AND scope_id = 'acme'");

# Nothing of what changed nothing.
is(heard("SELECT cache_ext.get_merged_config('alice', 'theme');"), '', 'a read');
is(heard("UPDATE cache_ext.config_fragments SET updated_at = now() + interval '1 s';"), '', 'a column that the merge does not read');
is(heard("UPDATE cache_ext.config_fragments SET config = config;"), '', 'the same values');
is(heard("BEGIN; $alice; ROLLBACK;"), '', 'a rollback');
is(heard("BEGIN; SAVEPOINT a; $alice; ROLLBACK TO a; COMMIT;"), '', 'a savepoint that was rolled back');
is( heard(
		"BEGIN; $theme = 'public'; SAVEPOINT a; $alice; SAVEPOINT b; $theme = 'domain'; RELEASE b; ROLLBACK TO a; INSERT INTO cache_ext.users VALUES ('dave'); COMMIT;"
	),
	'"slices":[{"kind":"name","name":"theme","scope_type":"public"},{"kind":"user","id":"dave"}]}',
	'of savepoints just what was kept');
is( heard("BEGIN; SAVEPOINT a; $alice; RELEASE a; COMMIT;"), '"slices":[{"kind":"user","id":"alice","name":"theme","scope_type":"user"}]}',
	'one that was released');
is( heard("BEGIN; SAVEPOINT a; INSERT INTO cache_ext.users SELECT 'many' || i FROM generate_series(1, 1000) i; ROLLBACK TO a; $alice; COMMIT;"),
	'"slices":[{"kind":"user","id":"alice","name":"theme","scope_type":"user"}]}', 'many, rolled back');
is( heard(
		q{DO $$ BEGIN BEGIN INSERT INTO cache_ext.users VALUES ('eve'); RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END; INSERT INTO cache_ext.users VALUES ('frank'); END $$;}
	),
	'"slices":[{"kind":"user","id":"frank"}]}',
	'an exception that was caught');

# What was released is its parent's, and none of the savepoint's that comes next.
is( heard("BEGIN; SAVEPOINT a; $alice; RELEASE a; SAVEPOINT b; ROLLBACK TO b; COMMIT;"),
	'"slices":[{"kind":"user","id":"alice","name":"theme","scope_type":"user"}]}', 'released, before another that was rolled back');
is( heard("BEGIN; SAVEPOINT a; SAVEPOINT b; $alice; RELEASE b; SAVEPOINT c; $theme = 'public'; ROLLBACK TO c; COMMIT;"),
	'"slices":[{"kind":"user","id":"alice","name":"theme","scope_type":"user"}]}', 'and within another one');
is(heard("BEGIN; SAVEPOINT a; SAVEPOINT b; $alice; RELEASE b; ROLLBACK TO a; COMMIT;"), '', 'released into one that was rolled back');
# (Many of a name that is told as a whole, which leaves room for the others.)
is( heard(
		"BEGIN; SAVEPOINT a; $theme = 'public'; INSERT INTO cache_ext.config_fragments (scope_type, scope_id, config_name, config) SELECT 'user', 'many' || i, 'theme', '{}' FROM generate_series(1, 400) i; RELEASE a; SAVEPOINT b; ROLLBACK TO b; COMMIT;"
	),
	'"all":true}',
	'many, released before another that was rolled back');
$node->safe_psql('postgres', "DELETE FROM cache_ext.config_fragments WHERE scope_id LIKE 'many%'");

# Everything.
is(heard("INSERT INTO cache_ext.users SELECT 'many' || i FROM generate_series(1, 1000) i;"), '"all":true}', 'too many to be told');
is(heard("BEGIN; SAVEPOINT a; DELETE FROM cache_ext.users WHERE user_id LIKE 'many%'; RELEASE a; COMMIT;"), '"all":true}', 'in a savepoint that was released');
is(heard("INSERT INTO cache_ext.users SELECT i || repeat('x', 500) FROM generate_series(1, 15) i;") =~ /^"slices":.*"15x/, 1, 'as long as they may be');
is( heard("DELETE FROM cache_ext.users WHERE user_id LIKE '%xxx'; "),
	heard("INSERT INTO cache_ext.users SELECT i || repeat('x', 500) FROM generate_series(1, 15) i;"), 'the same that was inserted');
is(heard("INSERT INTO cache_ext.users SELECT i || repeat('y', 500) FROM generate_series(1, 16) i;"), '"all":true}', 'too long to be told');
is(heard("TRUNCATE cache_ext.users;"), '"all":true}', 'TRUNCATE');
$node->safe_psql('postgres', "INSERT INTO cache_ext.users VALUES ('alice', 'acme'), ('bob', 'acme')");
is(heard("ALTER TABLE cache_ext.users ADD COLUMN note text;"), '"all":true}', 'DDL');
is(heard("SELECT cache_ext.invalidate_all();"), '"all":true}', 'by hand');

# Invalidation by hand.
my %by_hand = (
	"invalidate_user('alice')" => '"slices":[{"kind":"user","id":"alice"}]}',
	"invalidate_domain('acme')" => '"slices":[{"kind":"domain","id":"acme"}]}',
	"invalidate_name('menu')" => '"slices":[{"kind":"name","name":"menu"}]}',
	"invalidate_policy('menu')" => '"slices":[{"kind":"name","name":"menu"}]}',
	"invalidate_scope('user', 'alice')" => '"slices":[{"kind":"user","id":"alice"}]}',
	"invalidate_scope('domain_user_defaults', 'acme')" => '"slices":[{"kind":"domain","id":"acme"}]}',
	"invalidate_scope('public', NULL)" => '"all":true}');
is(heard("SELECT cache_ext.$_;"), $by_hand{$_}, $_) foreach sort keys %by_hand;

# A domain that is looked up: listeners do not know its key.
$node->safe_psql(
	'postgres', q{CREATE TABLE tenants (name text PRIMARY KEY, id text); CREATE TABLE people (id text PRIMARY KEY, tenant text);
SELECT cache_ext.attach_users('people', 'id', 'tenant', 'tenants', 'name', 'id')});
is(heard("INSERT INTO tenants VALUES ('north', '1'); UPDATE tenants SET id = '2';"), '"all":true} | "all":true}', 'a domain of which a key is looked up');
$node->safe_psql('postgres', "SELECT cache_ext.detach('people')");

# Turned off: for a transaction, a session, a database, the server.
is( heard("BEGIN; SET LOCAL cache_ext.notify = off; $alice; COMMIT; $theme = 'public';"), '"slices":[{"kind":"name","name":"theme","scope_type":"public"}]}',
	'off for a transaction');
is(heard("SET cache_ext.notify = off; $alice;"), '', 'off for a session');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET cache_ext.notify = off');
is(heard("$alice;"), '', 'off for a database');
is(heard("SELECT cache_ext.invalidate_user('x');", 'other'), '"slices":[{"kind":"user","id":"x"}]}', 'not for another one');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET cache_ext.notify');
$node->safe_psql('postgres', 'ALTER SYSTEM SET cache_ext.notify = off');
$node->reload;
is(heard("SELECT cache_ext.invalidate_user('x');", 'other'), '', 'off for the server');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET cache_ext.notify');
$node->reload;

# Another session hears of it, and reads the new state upon it; another
# database's does not.
my $listener = $node->background_psql('postgres', on_error_stop => 0);
my $stranger = $node->background_psql('other', on_error_stop => 0);
$_->query_safe('LISTEN cache_ext') foreach $listener, $stranger;
my $before = $listener->query_safe("SELECT cache_ext.get_merged_config('alice', 'theme') -> 'n'");
my $xid = $node->safe_psql('postgres', "BEGIN; $alice RETURNING pg_current_xact_id(); COMMIT;");
my $told = wait_for_notification($listener);
my $now = $listener->query_safe("SELECT cache_ext.get_merged_config('alice', 'theme') -> 'n'");
like($told, qr/"xid":"$xid","slices":\[\{"kind":"user","id":"alice","name":"theme","scope_type":"user"\}\]/, 'another session hears of it, with its xid');
unlike($now, qr/^\Q$before\E$/m, 'and reads the new state');
unlike($stranger->query_safe('SELECT 1'), qr/Asynchronous/, 'another database does not');
$_->quit foreach $listener, $stranger;

# Nor can a change be prepared that was made by hand.
my ($ret, $out, $err) = $node->psql('postgres', "BEGIN; SELECT cache_ext.invalidate_all(); PREPARE TRANSACTION 'x'");
like($err, qr/cannot PREPARE a transaction that has changed/, 'no prepared transaction');

# Without shared memory listeners are told all the same.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
is(heard("SET client_min_messages = error; $alice;"), '"slices":[{"kind":"user","id":"alice","name":"theme","scope_type":"user"}]}', 'not preloaded');
$node->stop;

done_testing();
