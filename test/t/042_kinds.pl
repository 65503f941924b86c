
# The cache caches what it does not know: a second kind of result, from a library of
# its own, beside configurations.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library = abs_path('test/module/cext_kind');
my $node = new_node('main', []);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext,$library'");
$node->start;
load($node);
$node->safe_psql('postgres', <<SQL);
CREATE FUNCTION note(key text) RETURNS text LANGUAGE c STRICT AS '$library', 'cext_kind_note';
CREATE TABLE notes (key text PRIMARY KEY, note text);
CREATE TRIGGER cache_ext_row AFTER INSERT OR UPDATE OR DELETE ON notes
  FOR EACH ROW EXECUTE FUNCTION cache_ext.source_row();
CREATE TRIGGER cache_ext_statement BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON notes
  FOR EACH STATEMENT EXECUTE FUNCTION cache_ext.source_statement();
INSERT INTO notes VALUES ('a', 'first'), ('b', 'second');
SQL

# What a statement gives, and how many hits and misses it counts.
sub counted
{
	my ($sql) = @_;
	my @before = map { count($node, $_) } qw(hits misses);
	my $result = $node->safe_psql('postgres', $sql);
	return join(' ', $result, count($node, 'hits') - $before[0], count($node, 'misses') - $before[1]);
}

is(counted(q{SELECT note('a')}), 'first 0 1', 'the first read computes');
is(counted(q{SELECT note('a')}), 'first 1 0', 'the second one hits');
is(counted(q{SELECT note('b')}), 'second 0 1', 'another key has an entry of its own');
is(counted(q{SELECT note('none') IS NULL}), 't 0 1', 'what is not there is computed');
is(counted(q{SELECT note('none') IS NULL}), 't 1 0', 'and cached');

my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN cache_ext');
$node->safe_psql('postgres', q{UPDATE notes SET note = 'third' WHERE key = 'a'});
like(wait_for_notification($listener), qr/"slices":\[\{"kind":"note","id":"a"\}\]/, 'its slices are told as it tells them');
is(counted(q{SELECT note('a')}), 'third 0 1', 'a change invalidates its slice');
is(counted(q{SELECT note('b')}), 'second 1 0', 'and no other');
is( counted(q{BEGIN; UPDATE notes SET note = 'own' WHERE key = 'a'; SELECT note('a'), note('b'); ROLLBACK}),
	'own|second 1 1', 'a transaction sees its own change, and hits beside it');
is(counted(q{SELECT note('a')}), 'third 1 0', 'which nobody else does');
is( $node->safe_psql('postgres', q{SELECT kind, id FROM cache_ext.invalidations WHERE cause LIKE '% of notes' ORDER BY at DESC LIMIT 1}),
	'note|a', 'the view of invalidations names them');
is(count($node, 'invalidations_note'), '4', 'and so does the view of counters');

is(counted(q{SELECT cache_ext.get_merged_config('alice', 'theme') IS NOT NULL}), 't 0 1', 'a configuration beside');
is(counted(q{SELECT cache_ext.get_merged_config('alice', 'theme') IS NOT NULL}), 't 1 0', 'is cached as well');
is( $node->safe_psql('postgres', q{SELECT count(*) FROM cache_ext.entries WHERE kind NOT IN ('base', 'common')}), '1',
	'the view of entries lists configurations');
$node->safe_psql('postgres', q{UPDATE cache_ext.config_fragments SET config = '{"u": 1}' WHERE scope_type = 'user'});
is(counted(q{SELECT note('b')}), 'second 1 0', 'its change invalidates no note');

# One table for two kinds: each is told of its rows.
$node->safe_psql('postgres', q{SELECT cache_ext.attach_users('notes', 'key', 'note'); INSERT INTO notes VALUES ('ann', 'nowhere')});
my $both = q{SELECT note('ann'), cache_ext.get_merged_config('ann', 'theme')};
is(counted($both), 'nowhere|{"p": 0} 0 2', 'a row that two kinds read');
is(counted($both), 'nowhere|{"p": 0} 2 0', 'is cached by both');
$node->safe_psql('postgres', q{UPDATE notes SET note = 'acme' WHERE key = 'ann'});
is(counted($both), 'acme|{"d": 0, "e": 0, "p": 0} 0 2', 'and its change invalidates what both have');
$node->safe_psql('postgres', q{DELETE FROM notes WHERE key = 'ann'});
is(counted($both), '|{"p": 0} 0 2', 'and so does its end');

$node->safe_psql('postgres', 'SELECT cache_ext.invalidate_all()');
is(counted(q{SELECT note('b')}), 'second 0 1', 'everything is everything');
$node->safe_psql('postgres', 'TRUNCATE notes');
is(counted(q{SELECT note('b') IS NULL}), 't 0 1', 'and so is a table that is emptied');
$listener->quit;

# A table of both kinds: while another one is attached it is no source of
# configurations, and when the row's change commits it is one again.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE members (user_id text PRIMARY KEY, domain_id text);
SELECT cache_ext.detach('notes');
SELECT cache_ext.attach_users('members');
SQL
my $writer = $node->background_psql('postgres');
$writer->query_safe(q{SET cext_kind.relation = 'users'; BEGIN; UPDATE cache_ext.users SET domain_id = 'other' WHERE user_id = 'alice'});
$node->safe_psql('postgres', q{SELECT cache_ext.detach('members')});
is(read_config($node, 'alice', 'theme'), '{"d": 0, "e": 0, "p": 0, "u": 1}', 'before the commit');
$writer->query_safe('COMMIT');
$writer->quit;
is(read_config($node, 'alice', 'theme'), '{"p": 0, "u": 1}', 'what one kind knows is invalidated for the other');

# Whatever a kind asks for.
is(counted(q{SELECT note(repeat('x', 100000)) IS NULL}), 't 0 0', 'what is too long for a key is computed');
is(counted(q{SELECT note(repeat('x', 512)) IS NULL}), 't 0 1', 'what is just not is cached');
is(counted(q{SELECT note(repeat('x', 512)) IS NULL}), 't 1 0', 'and found');

# A kind that only some processes know would miss what the others write.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_ext'");
$node->restart;
my ($ret, $out, $err) = $node->psql('postgres', "LOAD '$library'");
like($err, qr/ERROR:  could not register kind "notes" of cached results/, 'a kind is not added while the server runs');
$node->stop;
done_testing();
