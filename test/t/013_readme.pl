# The documentation: its SQL can be pasted and gives what it is said to give, its
# links lead somewhere, and the reference has everything that there is.
#
# Pages are README.md and what is below docs/.  Each has a database of its own.  If a
# page says that it goes on from a part of the README, the README's SQL up to that part
# is run there first.

use strict;
use warnings;
use File::Basename;
use File::Find;
use File::Spec;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = File::Spec->canonpath("$FindBin::RealBin/../..");
my $longest_readme = 200;

# The pages, by their path from the top, README.md first.
my %page = map { $_ => slurp_file("$top/$_") } qw(README.md CONTRIBUTING.md CHANGELOG.md src/README.md);
find({ no_chdir => 1, wanted => sub { $page{ File::Spec->abs2rel($_, $top) } = slurp_file($_) if /\.md$/ } }, "$top/docs");
my @docs = grep { m{^(README\.md|docs/)} } sort keys %page;
cmp_ok(scalar(@docs), '>=', 10, 'pages were found');

# A setting that the reference shows is the default.
my $node = new_node('main', [], 'cache_ext.memory = 64MB');
$node->start;

sub blocks_of
{
	my ($text, $language) = @_;
	return $text =~ /^```$language\n(.*?)^```$/gms;
}

sub run_block
{
	my ($db, $block, $what) = @_;
	my ($out, $err);

	subtest $what => sub {
		is($node->psql($db, $block, stdout => \$out, stderr => \$err, on_error_stop => 1), 0, 'it runs');
		# But for a notice of which the block itself tells.
		$err =~ s/^psql:\S+ NOTICE: .*\n?//mg if $block =~ /^.*-- .*NOTICE/m;
		is($err, '', 'without a word of warning');
		# What a comment of two dashes and two blanks shows is a line of the output,
		# and they come in this order.
		my $from = 0;
		while ($block =~ /^--  (.*)$/gm)
		{
			my $found = index("\n$out\n", "\n$1\n", $from);
			isnt($found, -1, "shows $1") or diag("\n$out");
			$from = $found + 1;
		}
	};
	return;
}

# A heading's anchor, as it is known by.
sub anchor
{
	my $heading = lc(shift);

	$heading =~ s/[^\w\- ]//g;
	$heading =~ tr/ /-/;
	return $heading;
}

# What is to be run before a page: the README's SQL up to the part that it names.
sub blocks_before
{
	my ($path) = @_;
	my ($part) = $page{$path} =~ m{go\s+on\s+from\s+the\s+\[[^]]*\]\(\.\./README\.md#([\w-]+)\)};
	my @blocks;

	return () unless defined $part;
	foreach my $section (split(/^## /m, $page{'README.md'}))
	{
		push(@blocks, blocks_of($section, 'sql'));
		return @blocks if anchor($section =~ /^(.*)$/m) eq $part;
	}
	die "the README has no part $part, from which $path goes on";
}

my $ndatabases = 0;
my $nblocks = 0;
foreach my $path (@docs)
{
	my @blocks = blocks_of($page{$path}, 'sql');
	my $db = 'page_' . ++$ndatabases;

	# What is not run says what it is.
	is(join(' ', map { "'$_'" } grep { !/^(sql|sh|ini|json|text)$/ } ($page{$path} =~ /^```([^\n]*)\n.*?^```$/gms)), '', "$path: the language of each block");
	unlike($page{$path}, qr/\n\n(    |\t)\S/, "$path: no block without a fence");
	next unless @blocks;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, $_) foreach blocks_before($path);
	run_block($db, $blocks[$_], "$path: block " . ($_ + 1)) foreach 0 .. $#blocks;
	$nblocks += @blocks;
}
cmp_ok($nblocks, '>=', 25, 'blocks were found');

# The README is what somebody reads who comes for the first time.
my $lines = () = $page{'README.md'} =~ /\n/g;
cmp_ok($lines, '<=', $longest_readme, "the README has $lines lines");

my %linked;
foreach my $path (sort keys %page)
{
	my $text = $page{$path} =~ s/^```.*?^```$//gmsr;
	my @missing;

	while ($text =~ /\]\(([^)\s]+)\)/g)
	{
		my ($file, $anchor) = $1 =~ /^([^#]*)#?(.*)$/;
		next if $file =~ /^https?:/;
		my $target = $file eq '' ? $path : dirname($path) . "/$file";
		$target =~ s{(^|/)\./}{$1}g;
		1 while $target =~ s{(^|/)(?!\.\./)[^/]+/\.\./}{$1};
		$linked{$target} = 1 unless $file eq '';
		push(@missing, $1) unless -e "$top/$target";
		if ($anchor ne '')
		{
			my %anchors = map { anchor($_) => 1 } (($page{$target} // '') =~ /^#+ (.*)$/gm);
			push(@missing, "$file#$anchor") unless $anchors{$anchor};
		}
	}
	is("@missing", '', "$path: each link leads somewhere");
}
is(join(' ', grep { !$linked{$_} && $_ ne 'README.md' } @docs), '', 'a link leads to each page');

# The reference has every object, whole: functions with their arguments, relations
# with their columns, views of names with these.
my $reference = $page{'docs/reference.md'};
my ($internal) = $reference =~ /^## Internal functions\n(.*)/ms;
my ($settings) = $reference =~ /^## Settings\n(.*?)^## /ms;
my $sql = sub { return split(/\n/, $node->safe_psql('postgres', $_[0])) };

sub section
{
	my ($heading) = @_;
	return ($reference =~ /^### \Q`$heading`\E\n(.*?)(?=^##|\z)/ms)[0] // '';
}

sub lacks
{
	my ($text, @names) = @_;
	return join(' ', grep { $text !~ /`\Q$_\E`/ } @names);
}

$node->safe_psql('postgres', 'CREATE EXTENSION cache_ext');
my $members = "JOIN pg_depend d ON d.objid = o.oid AND d.deptype = 'e' AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = 'cache_ext')";
my @functions = $sql->("SELECT o.proname, pg_get_function_arguments(o.oid) FROM pg_proc o $members AND d.classid = 'pg_proc'::regclass");
cmp_ok(scalar(@functions), '>=', 40, 'functions were found');
foreach (@functions)
{
	my ($name, $arguments) = split(/\|/, $_, 2);
	$arguments =~ s/::\w+//g;
	$arguments =~ s/\bIN //g;
	$arguments =~ s/, OUT .*//;
	next if $internal =~ /`$name`/;
	# One of another type of user id is where that of text is.
	my $type = $arguments =~ s/^user_id (uuid|bigint)\b/user_id text/ ? $1 : '\S';
	like(section("$name($arguments)"), qr/$type/, "the reference has function $_");
}
my @relations = $sql->("SELECT o.relname, o.relkind FROM pg_class o $members AND d.classid = 'pg_class'::regclass");
cmp_ok(scalar(@relations), '>=', 14, 'tables and views were found');
foreach (@relations)
{
	my ($name, $kind) = split /\|/;
	isnt(section($name), '', "the reference has $name");
	is( lacks(section($name), $sql->("SELECT attname FROM pg_attribute WHERE attrelid = 'cache_ext.$name'::regclass AND attnum > 0 AND NOT attisdropped")), '',
		'with each column');
}
is(lacks(section($_), $sql->("SELECT name FROM cache_ext.$_")), '', "the reference has each name of $_") foreach qw(stats memory_usage);
isnt(section($_), '', "the reference has type $_")
  foreach $sql->("SELECT o.typname FROM pg_type o $members AND d.classid = 'pg_type'::regclass AND o.typelem = 0 AND o.typrelid = 0");

# Whatever health can say.
my ($view) = $node->safe_psql('postgres', "SELECT pg_get_viewdef('cache_ext.health'::regclass)");
my @problems = $view =~ /SELECT '(\w+)'::text/g;
cmp_ok(scalar(@problems), '>=', 9, 'problems were found');
is(lacks(($page{'docs/operate.md'} =~ /^## Health\n(.*?)^## /ms)[0], @problems), '', 'operate.md has each problem of health');

my %who = (postmaster => 'server start', user => 'anyone', superuser => 'superuser');
foreach ($sql->("SELECT name, coalesce(nullif(current_setting(name), ''), 'empty'), context FROM pg_settings WHERE name LIKE 'cache\\_ext.%'"))
{
	my ($name, $default, $context) = split /\|/;
	like($settings, qr/^\| `\Q$name\E` \| \Q$default\E \| $who{$context} \|/m, "the reference has setting $name");
}
$node->stop;

done_testing();
