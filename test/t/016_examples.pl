# The examples keep a cache outside the database right: through changes, a restart,
# and while there is no server.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $examples = "$FindBin::RealBin/../../examples";
my $tmp = PostgreSQL::Test::Utils::tempdir;
my ($libpq, $libdir) = map { my $x = `$ENV{PG_CONFIG} $_`; chomp $x; $x } '--includedir', '--libdir';
my %programs = (
	Python => [ '/usr/bin/python3', "$examples/outside_cache.py" ],
	'Node.js' => [ 'node', "$examples/outside_cache.js" ],
	C => ["$tmp/outside_cache"]);

# What runs them is installed by `make test`.
delete $programs{Python} if system('/usr/bin/python3 -c "import psycopg" 2>/dev/null');
delete $programs{'Node.js'} if system(q{node -e "require('pg')" 2>/dev/null});
delete $programs{C} if system("cc -Wall -Werror -I$libpq -L$libdir $examples/outside_cache.c -o $tmp/outside_cache -lpq 2>/dev/null");
plan skip_all => 'neither psycopg, pg for Node.js nor libpq is installed' unless %programs;

my $node = new_node('main', []);
$node->start;
load($node);
$node->safe_psql(
	'postgres',
	"CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA cache_ext TO app; GRANT EXECUTE ON FUNCTION cache_ext.get_merged_config_json(text, text, boolean) TO app");
# Anybody can notify: what is no payload of ours, and says that everything may have
# changed, and what is one although it names more than it should, or nobody.
my @forged = (
	'', ' ', 'no JSON', '{', '\x00', '"\u00"', '{"v":1,"slices":[{"kind":"user","id":"\uZZZZ"}]}', 'null', '[]', '{}', '1', '-0', '1e999', '9' x 7000, 'true',
	'"text"', '[{"kind":"user"}]',
	'{"v":1}', '{"v":2,"slices":[]}', '{"v":"1","slices":[]}', '{"v":null,"slices":[]}', '{"slices":[]}', '{"slices":5}', '{"slices":[5]}',
	'{"slices":[{"kind":"user"}]}', '{"v":2,"all":true}',
	'{"v":1,"slices":5}', '{"v":1,"slices":null}', '{"v":1,"slices":"user"}', '{"v":1,"slices":{}}', '{"v":1,"slices":{"kind":"user"}}',
	'{"v":1,"slices":[5]}', '{"v":1,"slices":[null]}',
	'{"v":1,"slices":[[]]}', '{"v":1,"slices":["user"]}', '{"v":1,"slices":[{}]}', '{"v":1,"slices":[{"kind":"user"}]}',
	'{"v":1,"slices":[{"kind":"planet"}]}', '{"v":1,"all":true,"slices":5}',
	'[' x 7999, '{"v":1,"slices":' . '[' x 3500 . ']' x 3500 . '}', '{"v":' x 1300 . '1' . '}' x 1300, 'x' x 7999, '{"v":2,"pad":"' . 'x' x 7983 . '"}');
my @harmless = (
	'{"v":1,"slices":[]}', '{"v":1,"slices":[{"kind":"user","id":"nobody"}]}', '{"v":1,"slices":[{"kind":"user","id":"\ud800"}],"more":{"x":[1]}}',
	'{"v":1,"slices":[{"kind":"user","id":["alice"]},{"kind":"user","id":7,"name":{}},{"kind":"domain","id":7,"name":"menu","since":1}]}');

foreach my $language (sort keys %programs)
{
	my ($in, $out, $err) = ('', '', '');
	my $timer = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres');
	local $ENV{PGUSER} = 'app';
	my $program = IPC::Run::start($programs{$language}, '<', \$in, '>', \$out, '2>', \$err, $timer);
	delete $ENV{PGUSER};
	my $wait = sub { my ($pattern) = @_; $program->pump until $out =~ s/^$pattern\n//m; return $1 };
	my $get = sub { $in .= "$_[0]\n"; return $wait->('((?:loaded|cached|error) .*)') };
	my $set = sub {
		$node->safe_psql(
			'postgres',
			"UPDATE cache_ext.config_fragments SET config = '{\"$_[2]\": \"$language\"}' WHERE scope_type = '$_[0]' AND config_name = '$_[1]'",
			connstr => $node->connstr('postgres') . ' user=' . getpwuid($<));
	};

	$wait->('listening ?');
	$set->('public', 'theme', 'a');
	$wait->('dropped 0');
	like($get->('alice theme'), qr/^loaded .*"a"/, "$language: loaded");
	like($get->('alice theme'), qr/^cached .*"a"/, 'cached');
	$set->('public', 'theme', 'b');
	$wait->('dropped 1');
	like($get->('alice theme'), qr/^loaded .*"b"/, 'a change of what everybody has');
	$set->('domain', 'theme', 'c');
	$wait->('dropped 1');
	like($get->('alice theme'), qr/^loaded .*"c"/, 'of what a domain has');
	$set->('user', 'theme', 'd');
	$wait->('dropped 1');
	like($get->('alice theme'), qr/^loaded .*"d"/, 'of what a user has');
	$get->('bob theme');
	$node->safe_psql(
		'postgres', "INSERT INTO cache_ext.users SELECT '$language' || i FROM generate_series(1, 1000) i",
		connstr => $node->connstr('postgres') . ' user=' . getpwuid($<));
	$wait->('dropped 2');

	# It lives on, whatever it is told.
	my $forge = sub { $node->safe_psql('postgres', "SELECT pg_notify('cache_ext', \$forged\$$_[0]\$forged\$)") };
	my $loads = 0;
	foreach my $payload (@forged)
	{
		$loads++ if $get->('alice theme') =~ /^loaded .*"d"/;
		$forge->($payload);
		$wait->('dropped 1');
	}
	is($loads, scalar(@forged), 'what it cannot read says to forget everything');
	$get->('alice theme');
	$forge->($_), $wait->($language eq 'C' ? 'dropped \\d' : 'dropped 0') foreach @harmless;
	like($get->('alice theme'), $language eq 'C' ? qr/^loaded/ : qr/^cached/, 'what it can read is taken for what it says');

	# While it was not connected something changed.
	$get->('alice theme');
	$node->stop;
	$wait->('lost ?');
	like($get->('alice theme'), qr/^error /, 'without a server an error, not what was true once');
	$node->start;
	$set->('public', 'theme', 'e');
	like($get->('alice theme'), qr/^loaded .*"e"/, 'connected again, it has forgotten');
	$wait->('listening ?');
	like($get->('alice theme'), qr/^cached .*"e"/, 'and caches');
	$node->restart;
	$wait->('lost ?');
	like($get->('alice theme'), qr/^loaded .*"e"/, 'after a restart');
	$in = '';
	$program->kill_kill;
}
$node->stop;

done_testing();
