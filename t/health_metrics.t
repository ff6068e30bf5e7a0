#!/usr/bin/perl

# /metrics in the text format 0.0.4 of Prometheus.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Metrics;

my $long = 'z' x 63;
my $t = Tavus::Test->new(
    http => {tavus_limit_zone => [
        '$binary_remote_addr zone=create:1m rate=1000r/s capacity=10000',
        'all zone=site:64k rate=1r/m capacity=3',
        map({ "all zone=$long$_:64k rate=1r/s capacity=1" } 1 .. 6),
    ]},
    locations => {
        '= /metrics' => 'tavus_metrics; allow 127.0.0.1; deny all;',
        '= /limited' => 'tavus_limit zone=site; empty_gif;',
    },
)->start;

my ($bad) = parse_metrics("# HELP a b\n# TYPE a gauge\na 1\na 1\nb 2\n"
    . "# TYPE a x\nc d\n# HELP h b\n# TYPE h histogram\nh_bucket{le=\"2\"} 1\n"
    . "h_bucket{le=\"1\"} 1\nh_count 2");
is scalar @$bad, 8, 'the parser is strict' or diag explain $bad;

my $m = metrics($t);
is $m->('tavus_sandbox'), 1, 'a sandbox shows';
my $zone = sub { $m->('tavus_limit_requests_total', zone => $_[0],
    result => $_[1]) };
is $zone->(site => 'passed'), 0;
is $zone->("${long}6", 'passed'), 0, 'every zone, whatever its name';

like $t->get('/metrics')->body, qr/^tavus_build_info\{version="[\d.]+",nginx="[\d.]+",
    libpq="\d+\.\d+",libcurl="[\d.]+",openssl="3[\d.]+"\}\ 1$/mx, 'versions';

is $t->get('/limited')->code, $_ < 3 ? 200 : 429 for 0 .. 4;
$m = metrics($t);
is $zone->(site => 'passed'), 3, 'passed';
is $zone->(site => 'rejected'), 2, 'rejected';
is $zone->(create => 'passed'), 0, "others' are others'";

is $t->request(HEAD => '/metrics')->code, 200, 'HEAD';
is $t->post('/metrics', '')->code, 405, 'POST';

# in production it is said as well
$t->configure(http => {tavus_sandbox => 'off', tavus_api_key => undef,
    tavus_api_url => undef}, locations => {
    '= /api/tavus/create-conversation' => undef,
    '= /api/tavus/end-conversation' => undef})->reload(drained => 1);
is metrics($t)->('tavus_sandbox'), 0, 'no sandbox';

# without a location nothing is counted, and all goes on
$t->configure(locations => {'= /metrics' => undef})->reload(drained => 1);
wait_ok { $t->webhook(tavus_event('x.y', 'c1'))->code == 200 } 'unseen';

done_testing;
