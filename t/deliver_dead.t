#!/usr/bin/perl

# A webhook whose receiver is down gets a few requests, and not all that waits
# for it; the log says it once; and when it is back all goes, once.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Fault;
use List::Util qw(sum);

my $N = 300;
my $t = Tavus::Test->new(locations => {'= /metrics' => 'tavus_metrics;'});
my $d = Tavus::Test::Deliver->new($t, crm => 'events *; timeout 2s;');
my $box = $t->sandbox;
my $down = refused_port();
my $url = $box->url;
$t->configure(http => {tavus_deliver => [$d->directives(
    sub ($to) { $to =~ s/\Q$url/http:\/\/127.0.0.1:$down/r })]});
$t->start;
wait_ok { $d->ready } 'the destination is there';

my $requests = sub { sum $t->get('/metrics')->body
    =~ /^tavus_upstream_requests_total\{[^}]*webhook[^}]*\} (\d+)/mg };

# Of each flight a few, of which four may be under way.
my $few = 15;

$d->track('page_view', consent => 'granted', n => $N);
wait_ok { $d->destination('crm')->{failures} >= 4 } 'it is down', 40;
my $sent = $requests->();
my $failed = () = $d->failed(limit => 200);
cmp_ok $sent, '<=', $few * (4 + 4) + $failed, "a few requests: $sent";
cmp_ok $failed, '<=', $few * 2, "a few go by themselves: $failed";
is scalar(() = $t->error_log =~ /\[error\].*(?:crm|failed)/g), 1,
    'the log says it once';
is scalar $d->failed(state => 'dead'), 0, 'nothing is dead';

# it answers, but stumbles over everything
$box->fault(path => '/hooks', kind => 'status', status => 500);
$d->configured(crm => 'events *; timeout 2s;');
$t->reload(drained => 1);
$d->retry(undef, destination => 'crm');
my $failures = $d->destination('crm')->{failures};
wait_ok { $d->destination('crm')->{failures} > $failures } 'it stumbles', 40;
my $calls = () = $box->calls('/hooks');
cmp_ok $calls, '<=', $few * 2 + $failed, "a few requests: $calls";

$box->no_faults;
$d->retry(undef, destination => 'crm');
wait_ok { $d->retry(undef, destination => 'crm');
    $box->received('hooks')->{unique} == $N } 'it is well, and all goes', 40;
wait_ok { $d->idle && !$d->failed } 'all is told of';
is $d->destination('crm')->{delivered}, $N;
is $box->received('hooks')->{duplicates}, 0, 'once';
is $d->destination('crm')->{failures}, 0, 'well';

done_testing;
