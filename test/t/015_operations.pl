# What an administrator does with a server that works: verify, fill ahead, look.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'cache_ext.memory = 16MB');
$node->start;
load($node);
my $library = test_library('cext_memory');
$node->safe_psql('postgres', "CREATE FUNCTION replace_in_cache(bigint, text, text) RETURNS bigint LANGUAGE c AS '$library', 'cext_memory_replace'");
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };

# verify finds nothing, and would find something.
$sql->(q{UPDATE cache_ext.config_fragments SET config = '{"word": "right word"}' WHERE scope_type = 'public'});
$sql->(q{SELECT cache_ext.prewarm('{alice,bob}', '{theme,menu}'), cache_ext.prewarm('{alice}', '{theme}', true), cache_ext.get_public_config('theme')});
is($sql->('SELECT count(*) FROM cache_ext.verify()'), 0, 'no entry differs');
is($sql->(q{SELECT replace_in_cache(16 * 1024 * 1024, 'right word', 'wrong word')}) >= 4, 1, 'entries are spoiled');
is( $sql->(q{SELECT kind, id, config_name, cached -> 'word', computed -> 'word' FROM cache_ext.verify() ORDER BY 1, 2}),
	qq(json|alice|theme|"wrong word"|"right word"\njsonb|alice|theme|"wrong word"|"right word"\njsonb|bob|theme|"wrong word"|"right word"\npublic||theme|"wrong word"|"right word"),
	'and found');
is($sql->('SELECT count(*) FROM cache_ext.verify(1)') <= 1, 1, 'no more than asked for');
$sql->('SELECT cache_ext.invalidate_all()');
is($sql->('SELECT count(*) FROM cache_ext.verify()'), 0, 'what is invalid does not count');
# In a transaction that wrote nothing is taken from the cache, so nothing can differ.
is( $sql->(
		q{BEGIN; SELECT cache_ext.prewarm('{alice}', '{theme}'); COMMIT; BEGIN; DELETE FROM cache_ext.config_fragments WHERE scope_type = 'public'; SELECT count(*) FROM cache_ext.verify(); ROLLBACK}
	),
	"1\n0",
	'nor what was written by itself');

# prewarm_all: all users, all names, a commit for each batch, its progress seen.
$sql->(q{INSERT INTO cache_ext.users SELECT 'user' || i, 'd' || i % 7 FROM generate_series(1, 995) i; ANALYZE cache_ext.users; SELECT cache_ext.reset_stats()});
is($sql->('SELECT count(*) FROM cache_ext.prewarm_progress'), 0, 'none is under way');
$sql->('CALL cache_ext.prewarm_all(100)');
is(count($node, 'fills') + count($node, 'hits'), 997, 'everybody is read for');
is($sql->(q{SELECT cache_ext.read_state('user995', 'theme')}), 'hit', 'and cached');
is($sql->('SELECT count(*) FROM cache_ext.prewarm_progress'), 0, 'it is over');
like(
	($node->psql('postgres', 'BEGIN; CALL cache_ext.prewarm_all(100)'))[2], qr/invalid transaction termination/,
	'it commits, and so cannot be part of a transaction');

# Held up by a lock on a table that it reads, it is seen, and can be cancelled;
# what was committed stays.
$sql->('SELECT cache_ext.invalidate_all()');
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE cache_ext.users');
my $runner = $node->background_psql('postgres', on_error_stop => 0);
$runner->query_until(qr/start/, "\\echo start\nCALL cache_ext.prewarm_all(100);\n");
ok( $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event_type = 'Lock'"),
	'it waits for a lock');
is( $sql->(q{SELECT a.query LIKE 'CALL%', p.users_total, p.users_done, p.configs FROM cache_ext.prewarm_progress p JOIN pg_stat_activity a USING (pid)}),
	't|997|0|0', 'its progress');
$sql->('SELECT pg_cancel_backend(pid) FROM cache_ext.prewarm_progress');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM cache_ext.prewarm_progress'), 'cancelled, it is gone');
$holder->query_safe('COMMIT');
$_->quit foreach $holder, $runner;

# Attached tables, with ids of another type.
$sql->(
	q{CREATE TABLE people (id int PRIMARY KEY, domain text); INSERT INTO people SELECT i, 'd1' FROM generate_series(1, 50) i; SELECT cache_ext.attach_users('people', 'id', 'domain'); SELECT cache_ext.reset_stats()}
);
$sql->('CALL cache_ext.prewarm_all(7)');
is($sql->(q{SELECT count(*) FROM cache_ext.entries WHERE id::text ~ '^\d+$' AND valid AND kind = 'jsonb'}), 50, 'attached users too');
$sql->(q{SELECT cache_ext.detach('people')});

# Views read well where lines have 120 columns.
$sql->(
	q{SET application_name = 'shop'; UPDATE cache_ext.config_fragments SET config = '{"x": 1}' WHERE scope_type = 'user'; SELECT cache_ext.invalidate_user('user17')}
);
foreach my $view (qw(entries slices invalidations stats memory_usage sources health prewarm_progress))
{
	my $limit = $view eq 'invalidations' ? "WHERE kind <> 'everything' AND application = 'shop'" : '';
	my ($longest) =
	  sort { $b <=> $a }
	  map  { length }
	  split(/\n/, $node->safe_psql('postgres', "SELECT * FROM cache_ext.$view $limit", extra_params => [qw(-P format=aligned -P tuples_only=off)]));
	cmp_ok($longest, '<=', 120, "$view is $longest columns wide");
	cmp_ok($longest, '>', 20, 'and there');
}

# Looking does not keep readers from reading, nor do they spoil what is seen: each
# entry that is listed is whole.
my $writer = $node->background_psql('postgres');
$writer->query_until(
	qr/start/,
	"\\echo start\nDO \$\$ BEGIN FOR i IN 1 .. 300 LOOP UPDATE cache_ext.config_fragments SET config = jsonb_build_object('i', i, 'pad', repeat('x', i % 90)) WHERE scope_type = 'public'; COMMIT; PERFORM cache_ext.get_merged_config('user' || u, 'theme') FROM generate_series(1, 300) u; COMMIT; END LOOP; END \$\$;\n\\echo done\n"
);
my $bad = 0;
foreach (1 .. 40)
{
	$bad += $sql->(
		q{SELECT count(*) FROM cache_ext.entries_rows(NULL, NULL, true) e WHERE e.config IS NOT NULL AND length(e.config ->> 'pad') <> (e.config ->> 'i')::int % 90}
	);
	$bad += $sql->('SELECT count(*) FROM cache_ext.verify()');
}
is($bad, 0, 'every entry is whole and, if valid, right, while a writer is at work');
$writer->quit;
is(count($node, 'corruptions'), 0, 'nothing is corrupt');
$node->stop;

done_testing();
