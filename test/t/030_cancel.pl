# What a caller gives, however much, takes time that is linear in it and can be
# cancelled: names, fragments, arrays.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', [], 'cache_ext.memory = 128MB');
$node->start;
load($node);
my $library = test_library();
$node->safe_psql('postgres', "CREATE FUNCTION interrupt(anyelement) RETURNS anyelement LANGUAGE c AS '$library', 'cext_test_interrupt'");
$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/../stress/reference.sql"));
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
my $reads = sub { return $sql->("SELECT sum(value) FROM cache_ext.stats WHERE name IN ('hits', 'misses')") };

# Many names, of which few are there, each twice; and who gives them cancels, so
# that not one more is read for.
$sql->("CREATE TABLE names AS SELECT array_agg('name' || i % 100000) || ARRAY['theme', 'menu', 'theme'] AS names FROM generate_series(1, 200000) i");
is( $sql->("SELECT json_typeof(j -> 'theme'), (SELECT count(*) FROM json_object_keys(j)) FROM names, cache_ext.get_merged_configs_json('alice', names) j"),
	'object|100002', 'many names, each once');
is( $sql->("SELECT count(*), count(config), count(DISTINCT config_name) FROM names, cache_ext.get_merged_configs('alice', names)"), '200003|2|100002',
	'and as rows, as they came');
# (What is added to the names lets them be no longer in the table when the call comes.)
foreach my $call ("get_merged_configs_json('alice', interrupt(names || ARRAY['menu']))", "get_merged_configs('alice', interrupt(names || ARRAY['menu']))")
{
	my $before = $reads->();
	my ($ret, $out, $err) = $node->psql('postgres', "SELECT cache_ext.get_merged_config('alice', 'theme') IS NULL; SELECT cache_ext.$call FROM names");
	like($err, qr/canceling statement due to user request/, "$call: cancelled");
	is($reads->() - $before, 1, 'before anything was read, by a session that has read before');
}

# Many fragments of one scope, each with keys of its own and some that others have.
$sql->("CREATE TABLE fragments (kind text, id text, name text, doc jsonb); CREATE INDEX ON fragments (name, id)");
$sql->("SELECT cache_ext.attach_fragments('fragments', 'kind', 'id', 'name', 'doc')");
my $fragment =
  "jsonb_build_object('k' || i, i, 's' || i % 7, i, 'o', jsonb_build_object('k' || i % 50, i, 'n' || i % 3, jsonb_build_object('i', i)), 'm' || i % 11, CASE i % 5 WHEN 0 THEN '1' WHEN 1 THEN 'null' ELSE jsonb_build_object('x' || i % 4, i) END)";
foreach my $n (1, 2, 3, 15, 16, 17, 18, 100, 300)
{
	$sql->("INSERT INTO fragments SELECT 'user', 'n$n', 'n', $fragment FROM generate_series(1, $n) i");
	is( $sql->(
			"SELECT cache_ext.get_merged_config('n$n', 'n') IS NOT DISTINCT FROM reference.fold(array_agg(config ORDER BY position)) FROM cache_ext.fragments_rows('n$n', 'n')"
		),
		't',
		"$n fragments");
}
$sql->("INSERT INTO cache_ext.config_definitions SELECT 'n_' || s, s FROM unnest('{shallow,replace,merge_patch}'::text[]) s");
foreach my $strategy (qw(shallow replace merge_patch))
{
	$sql->("INSERT INTO fragments SELECT kind, id, 'n_$strategy', doc FROM fragments WHERE name = 'n' AND id = 'n100'");
	$sql->("CREATE AGGREGATE reference.fold_$strategy(jsonb) (SFUNC = reference.combine_$strategy, STYPE = jsonb)")
	  if $sql->(
		"CREATE FUNCTION reference.combine_$strategy(low jsonb, high jsonb) RETURNS jsonb LANGUAGE sql AS \$\$ SELECT reference.combine('$strategy', low, high) \$\$; SELECT true"
	  );
	is( $sql->(
			"SELECT cache_ext.get_merged_config('n100', 'n_$strategy') IS NOT DISTINCT FROM reference.fold_$strategy(config ORDER BY position) FROM cache_ext.fragments_rows('n100', 'n_$strategy')"
		),
		't',
		"100 fragments, $strategy");
}
# So many that looking at each for every key would take minutes.
$sql->("INSERT INTO fragments SELECT 'user', 'many', 'n', jsonb_build_object('k' || i, i, 'same', i) FROM generate_series(1, 80000) i");
is( $sql->("SELECT count(*), sum(value::text::bigint) FILTER (WHERE key LIKE 'k%') FROM jsonb_each(cache_ext.get_merged_config('many', 'n'))"),
	'80001|3200040000', '80,000 fragments');

# A merge of a million keys is cancelled where it is, not when it is done: then its
# result would have been counted. (Should it be done before, nothing is cancelled.)
$sql->("ALTER TABLE fragments ALTER doc SET STORAGE external");
$sql->(
	"INSERT INTO fragments SELECT 'user', 'wide', 'n', (SELECT jsonb_object_agg('k' || 1000 * i + k, true) FROM generate_series(1, 1000) k) FROM generate_series(1, 1000) i"
);
foreach my $timeout (20, 40, 60)
{
	my $before = count($node, 'read_through_too_large');
	my ($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = '$timeout ms'; SELECT cache_ext.get_merged_config('wide', 'n') IS NULL");
	is( ($err =~ /canceling statement due to statement timeout/ ? 1 : 0) + count($node, 'read_through_too_large') - $before, 1,
		'a merge was done or cancelled, not both');
}
is($sql->("SELECT count(*) FROM jsonb_object_keys(cache_ext.get_merged_config('wide', 'n'))"), 1000000, 'a million keys');

# An array of scope types that are all different, as long as the texts are, is looked
# at when its table is attached.  Who cancels that does so within the array: the next
# row is not read any more.
$sql->("CREATE TABLE chains (name text, chain text[])");
$sql->("INSERT INTO chains VALUES ('long', (SELECT array_agg(repeat('x', 4000) || i) FROM generate_series(10000, 18999) i)), ('next', '{}')");
my $session = session($node);
$session->query_until(qr/started/, "\\echo started\nSELECT cache_ext.attach_policies('chains', 'name', scope_sources => 'chain');\n\\echo ended\n");
ok( $node->poll_query_until(
		'postgres', "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE relation = 'chains'::regclass AND mode = 'AccessShareLock' AND granted"),
	'its rows are looked at');
$session->query_until(qr/ended/, '');
like($session->{stderr}, qr/canceling statement due to user request/, 'and was cancelled');
ask($session, 'SELECT pg_stat_force_next_flush()');
cmp_ok(ask($session, "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'chains'"), '<=', 1, 'within the array');
leave($session);

$node->stop;

done_testing();
