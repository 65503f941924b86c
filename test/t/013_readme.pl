# The SQL of the README can be pasted, and gives what the README says it gives.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', []);
$node->start;

my $readme = slurp_file("$FindBin::RealBin/../../README.md");
my $blocks = 0;
while ($readme =~ /^```sql\n(.*?)^```$/gms)
{
	my $block = $1;
	my ($out, $err);
	is($node->psql('postgres', $block, stdout => \$out, stderr => \$err, on_error_stop => 1), 0, 'block ' . ++$blocks);
	is($err, '', 'without a word of warning');
	# What a comment of two dashes and two blanks shows is a line of the output,
	# and they come in this order.
	my $shown = 0;
	while ($block =~ /^--  (.*)$/gm)
	{
		$shown = index("$out\n", "$1\n", $shown) + 1;
		isnt($shown, 0, "shows $1");
	}
}
cmp_ok($blocks, '>=', 9, 'blocks were found');
$node->stop;

done_testing();
