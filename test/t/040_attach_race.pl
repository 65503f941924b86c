# What can happen to a table while attaching or detaching it waits for a lock.  It can
# be renamed, and another table get its name, it can get another owner, or it can be
# dropped.  The extension's owner, a superuser, makes and drops the triggers.  So they
# must be those of the table that was asked for and checked.

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

# Mallory's tables are of the same columns.  Where one of schema trap has to get
# triggers PostgreSQL runs her code.
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE ROLE carol; CREATE DATABASE prey');
$node->safe_psql('prey', <<'SQL');
CREATE EXTENSION cache_ext;
GRANT USAGE ON SCHEMA cache_ext TO mallory;
GRANT EXECUTE ON FUNCTION cache_ext.attach_users(regclass, name, name, regclass, name, name), cache_ext.detach(regclass) TO mallory;
CREATE SCHEMA mallory AUTHORIZATION mallory;
CREATE SCHEMA app AUTHORIZATION mallory;
CREATE SCHEMA trap AUTHORIZATION mallory;
SET ROLE mallory;
CREATE FUNCTION mallory.evil(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RAISE LOG 'mallory ran as %', current_user;
  RETURN $1;
END
$$;
GRANT USAGE ON SCHEMA app TO carol;
CREATE TABLE app.users (login text, tenant text);
CREATE TABLE trap.users (login text, tenant text) PARTITION BY LIST ((login || mallory.evil('')));
SQL
my $attach = "SELECT cache_ext.attach_users('app.users', 'login', 'tenant')";
my $detach = "SELECT cache_ext.detach('app.users')";
my $disable = 'ALTER TABLE app.users DISABLE TRIGGER cache_ext_row';
my $swap = 'ALTER SCHEMA app RENAME TO aside; ALTER SCHEMA trap RENAME TO app; ALTER SCHEMA aside RENAME TO trap';
my $triggers =
  "SELECT string_agg(concat_ws(' ', tgrelid, tgname, tgenabled), ', ' ORDER BY tgrelid, tgname) FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = relnamespace WHERE tgname LIKE 'cache_ext_%' AND nspname IN ('app', 'trap')";

# What is waited for: the lock that keeps callers apart, that against writers, and
# that for dropping triggers, which is stronger.
my %locks = (
	'its turn' => 'LOCK cache_ext.attached IN EXCLUSIVE MODE',
	'writers' => 'LOCK app.users IN ROW EXCLUSIVE MODE',
	'readers' => 'LOCK app.users IN ACCESS SHARE MODE');

# In a database of its own, let mallory run a statement that waits for a lock, until
# something else was done; and what it has to say then, which table is attached and
# which triggers there are: %o is the number of what was app.users.
my $races = 0;
my $me = $node->safe_psql('postgres', 'SELECT current_user');

sub race
{
	my ($what, $prepare, $sql, $lock, $meanwhile, $said, $rows, $with) = @_;

	part(
		$node,
		"$what, which waits for $lock" => sub {
			my $db = 'race_' . ++$races;
			my $offset = -s $node->logfile;

			$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE prey");
			is(run_sql($node, $db, $prepare, '-U', 'mallory'), '', 'prepared');
			my $relid = $node->safe_psql($db, "SELECT 'app.users'::regclass::oid");
			my ($holder, $caller) = (session($node, $db), session($node, $db, extra_params => [ '-U', 'mallory' ]));
			is(ask($holder, "BEGIN; $locks{$lock}"), '', 'the lock is held');
			$caller->query_until(qr/started/, "\\echo started\n$sql;\n");
			ok( $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'mallory' AND wait_event_type = 'Lock'"),
				'the call waits');
			is(ask($holder, "$meanwhile; COMMIT"), '', 'meanwhile');
			like(ask($caller, 'SELECT'), $said, 'what it said');
			leave($holder, $caller);

			s/%o/$relid/g for $rows, $with;
			is($node->safe_psql($db, 'SELECT relation::oid FROM cache_ext.attached'), $rows, 'what is attached');
			is($node->safe_psql($db, $triggers), $with, 'which table has triggers');
			my %ran = map { $_ => 1 } slurp_file($node->logfile, $offset) =~ /mallory ran as (\w+)/g;
			is(join(',', grep { $_ ne 'mallory' } keys %ran), '', 'nobody else ran her code');
			$node->safe_psql('postgres', "DROP DATABASE $db");
		});
	return;
}

my $whole = '%o cache_ext_row A, %o cache_ext_statement A';
my $done = qr/^$/;
my $refused = qr/ERROR:  42501: must be owner of table/;
my $give = 'ALTER TABLE app.users OWNER TO carol';

part(
	$node,
	'the trap' => sub {
		my $offset = -s $node->logfile;
		$node->safe_psql('prey', 'BEGIN; CREATE TRIGGER t AFTER INSERT ON trap.users FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row(); ROLLBACK');
		like(slurp_file($node->logfile, $offset), qr/mallory ran as \Q$me\E/, 'works');
	});

for my $lock ('its turn', 'writers')
{
	race('attaching what is renamed', 'SELECT', $attach, $lock, $swap, $done, '%o', $whole);
	race('attaching what is given away', 'SELECT', $attach, $lock, $give, $refused, '', '');
	race('attaching what is dropped', 'SELECT', $attach, $lock, 'DROP TABLE app.users', qr/ERROR:  42P01: relation with OID \d+ does not exist/, '', '');
}
race('mending what is renamed', "$attach; $disable", $attach, 'readers', $swap, $done, '%o', $whole);
for my $lock (sort keys %locks)
{
	race('detaching what is renamed', $attach, $detach, $lock, $swap, $done, '', '');
}
for my $lock ('its turn', 'writers')
{
	race('detaching what is given away', $attach, $detach, $lock, $give, $refused, '%o', $whole);
	race('detaching what is dropped', $attach, $detach, $lock, 'DROP TABLE app.users', $refused, '%o', '');
}

$node->stop;
done_testing();
