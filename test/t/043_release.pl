# make release: an archive where everything that names the version agrees, and none
# where something does not.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'git is not installed' if system('git --version >/dev/null 2>&1') != 0;

my $dir = PostgreSQL::Test::Utils::tempdir . '/release';
my @files = ('META.json', 'CHANGELOG.md', 'cache_ext.control', 'scripts');

# Commands in the copy, in a repository of its own.
sub in_copy
{
	my ($command) = @_;
	local %ENV = (%ENV, GIT_CONFIG_GLOBAL => '/dev/null', map { ("GIT_${_}_NAME" => 'x', "GIT_${_}_EMAIL" => 'x@x') } qw(AUTHOR COMMITTER));
	my $out = `cd '$dir' && { $command ; } 2>&1`;
	return ($? == 0, $out);
}

# Change a file, as the code changes $_.
sub edit
{
	my ($file, $change) = @_;
	local $_ = slurp_file("$dir/$file");

	$change->() or die "nothing to change in $file";
	unlink("$dir/$file");
	append_to_file("$dir/$file", $_);
	return;
}

# Refused, with these words, and without an archive.
sub refused
{
	my ($name, $says) = @_;
	my ($ok, $out) = in_copy('scripts/release');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(!$ok, "$name: refused");
	like($out, $says, "$name: says so");
	is(join(' ', glob("$dir/*.zip")), '', "$name: no archive");
	return;
}

mkdir($dir);
system_or_bail('cp', '-r', @files, $dir);
my ($version) = slurp_file("$dir/META.json") =~ /"version": "([^"]*)"/;
# As a release has it.
edit('CHANGELOG.md', sub { s/^## .*$/## $version (2026-01-31)/m });
die 'no repository' unless (in_copy('git init -q && git add -A && git commit -q -m x'))[0];

my ($ok, $out) = in_copy('scripts/release');
ok($ok, 'a commit without a tag');
like($out, qr/cache_ext-\Q$version\E\.zip/, 'gives an archive of that name');
unlink("$dir/cache_ext-$version.zip");
foreach my $case (
	[ 'another control file', 'cache_ext.control', sub { s/(default_version = ')[^']*/${1}99.0/ }, qr/cache_ext\.control says "99\.0"/ ],
	[ 'another version provided', 'META.json', sub { s/("provides".*?"version": ")[^"]*/${1}99.0.0/s }, qr/of what it provides, says "99\.0\.0"/ ],
	[ 'another version in the changes', 'CHANGELOG.md', sub { s/^## \S+/## 99.0.0/m }, qr/CHANGELOG\.md says "99\.0\.0"/ ],
	[ 'changes without a date', 'CHANGELOG.md', sub { s/\(2026-01-31\)/(unreleased)/ }, qr/of the release's date, says "\(unreleased\)"/ ])
{
	my ($name, $file, $change, $says) = @$case;

	edit($file, $change);
	in_copy('git commit -q -a -m x');
	refused($name, $says);
	in_copy('git reset -q --hard HEAD^');
}
in_copy("git tag v$version && git tag v99.0.0");
refused('another tag', qr/the tag says "v99\.0\.0"/);
in_copy('git tag -d v99.0.0');
append_to_file("$dir/README.md", 'x');
refused('a tree that is not clean', qr/git status says "\?\? README\.md"/);
unlink("$dir/README.md");
ok((in_copy('scripts/release'))[0], 'a commit with its tag');
unlink("$dir/cache_ext-$version.zip");
in_copy('git commit -q --allow-empty -m x');
refused('a tag of another commit', qr/of its commit, says/);

done_testing();
