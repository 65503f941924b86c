# Prometheus' exporter reads our queries, and the dashboard asks for what it gives.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use CacheExt;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Installed by `make test`.
my ($exporter) = grep { -x } map { "$_/prometheus-postgres-exporter" } split(/:/, $ENV{PATH});
plan skip_all => 'prometheus-postgres-exporter is not installed' unless $exporter;

my $node = new_node('main', []);
$node->start;
load($node);
$node->safe_psql('postgres', 'CREATE ROLE exporter LOGIN; GRANT pg_monitor TO exporter');
read_config($node, 'alice', 'theme') for 1 .. 8;
$node->safe_psql('postgres', "BEGIN; DELETE FROM cache_ext.users WHERE user_id = 'bob'; SELECT cache_ext.get_merged_config('bob', 'theme'); COMMIT");
$node->safe_psql('postgres', 'ALTER TABLE cache_ext.users DISABLE TRIGGER cache_ext_row');

my $metrics = "$FindBin::RealBin/../../metrics";
my $address = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
local $ENV{DATA_SOURCE_NAME} = 'user=exporter dbname=postgres sslmode=disable host=' . $node->host . ' port=' . $node->port;
my $log = '';
my $process = IPC::Run::start(
	[ $exporter, "--extend.query-path=$metrics/queries.yaml", '--disable-default-metrics', '--disable-settings-metrics', "--web.listen-address=$address" ],
	'>', \$log, '2>', \$log);
my $http = HTTP::Tiny->new(timeout => 60);
my $page;

foreach (1 .. 600)
{
	$process->pump_nb;
	$page = $http->get("http://$address/metrics");
	last if $page->{success};
	select(undef, undef, undef, 0.1);
}
ok($page->{success}, 'the exporter answers') or diag($log);
my %series;
while ($page->{content} =~ /^(cache_ext_\w+)\{([^}]*)\} (\S+)$/gm)
{
	my ($name, $labels, $value) = ($1, $2, $3);
	my ($label) = $labels =~ /(?:reason|kind|part)="([^"]*)"/;
	$series{$name}{ $label // '' } = $value + 0;
}
is($series{cache_ext_hits_total}{''}, 7, 'hits');
is($series{cache_ext_misses_total}{''}, 2, 'misses');
is($series{cache_ext_fills_total}{''}, 1, 'fills');
is($series{cache_ext_evictions_total}{''}, 0, 'evictions');
is($series{cache_ext_notifications_lost_total}{''}, 0, 'notifications that were lost');
is($series{cache_ext_notification_queue_ratio}{''} < 0.1, 1, 'the NOTIFY queue');
is($series{cache_ext_read_through_total}{own_change}, 1, 'reads through, by reason');
is(scalar(keys %{ $series{cache_ext_read_through_total} }), 14, 'all reasons');
cmp_ok($series{cache_ext_invalidations_total}{user}, '>=', 3, 'invalidations, by kind');
is(scalar(keys %{ $series{cache_ext_invalidations_total} }), 6, 'all kinds');
is($series{cache_ext_memory_configured_bytes}{''}, 64 * 1024 * 1024, 'memory');
is($series{cache_ext_memory_entries}{''}, 3, 'entries');
is($series{cache_ext_sources_suspended}{users}, 1, 'a source that is suspended');
is($series{cache_ext_sources_suspended}{fragments}, 0, 'and one that is not');
is($series{cache_ext_health_problems}{''}, 1, 'problems');

my $dashboard = decode_json(slurp_file("$metrics/grafana-dashboard.json"));
my %asked = map { $_ => 1 } map { $_->{expr} =~ /(cache_ext_\w+)/g } map { @{ $_->{targets} } } @{ $dashboard->{panels} };
is(join(' ', grep { !$series{$_} } sort keys %asked), '', 'the dashboard asks for what there is');
cmp_ok(scalar(keys %asked), '>=', 10, 'and for most of it');
$process->kill_kill;
$node->stop;

done_testing();
