#!/usr/bin/perl

# What a destination is reached with stands in no log, no answer and no metric,
# though the other side repeats what it was sent.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new(locations => {'= /metrics' => 'tavus_metrics;'});
my $d = Tavus::Test::Deliver->new($t);
my $box = $t->sandbox;
$t->{http}{tavus_deliver} = [$d->directives(sub ($url) {
    $url . ($url =~ /hooks/ ? '?token=s3cret-of-the-query' : '') })];
$t->start;
wait_ok { $d->ready } 'the destinations are there';

my %path = (posthog => '/posthog', ga4 => '/ga4', crm => '/hooks/crm');

# as frameworks do; and so that a key stands where an answer is cut
my %echo = (
    posthog => ['your key is ' . $box->posthog_key,
        'x' x 180 . $box->posthog_key],
    ga4 => ['api_secret=' . $box->ga4_secret, 'y' x 185 . $box->ga4_secret],
    crm => [map { "Cannot POST $_" } '/hooks/crm',
        '/hooks/crm?token=s3cret-of-the-query', 'token=s3cret-of-the-query',
        'TOKEN=S3CRET-OF-THE-QUERY'],
);
my %status = (posthog => 400, ga4 => 400, crm => 422);

for my $name (sort keys %path) {
    my $n = 0;
    for my $echo ($echo{$name}->@*) {
        $box->fault(path => $path{$name}, kind => 'status', times => 1,
            status => $status{$name}, body => $echo);
        $d->track('page_view', consent => 'granted');
        $n++;
        wait_ok { $d->failed(destination => $name) == $n } "$name says it";
    }
    $box->fault(path => $path{$name}, kind => $_, times => 1)
        for qw(reset cut);
    $box->fault(path => $path{$name}, kind => 'status', times => 1,
        status => 401, body => $echo{$name}[0]);
    $d->track('page_view', consent => 'granted');
    wait_ok { $d->destination($name)->{state} eq 'paused' } "$name is paused";
}

my @said = map { $_->{reason} } $d->failed(limit => 200);
ok((grep { $_ eq '422 Cannot POST' } @said), 'the rest of it is there');
ok((grep { $_ eq '400 your key is' } @said), 'there, too');

my @signatures = map { $_->{headers}{'webhook-signature'} =~ /v1,(\S+)/g }
    $box->calls('/hooks');
cmp_ok scalar @signatures, '>', 3, 'it was signed';
my %secret = (
    key => substr($box->posthog_key, 0, 12), path => '/hooks/crm',
    query => 's3cret', ga4 => substr($box->ga4_secret, 0, 12),
    whsec => $box->hook('crm') =~ s/^whsec_//r,
    map { ("signature $_" => $signatures[$_]) } 0 .. $#signatures,
);
my %where = (
    'error log' => $t->error_log,
    'access log' => $t->access_log,
    'deliveries' => $t->admin('/api/admin/deliveries?limit=200')->to_string,
    'metrics' => $t->get('/metrics')->to_string,
    'health' => $t->admin('/healthz?full')->to_string,
    'events' => $t->admin('/api/admin/events')->to_string,
    'the database' => join(' ', map { $_ // '' } map { @$_ }
        $t->db->selectall_arrayref('SELECT * FROM tavus.deliveries')->@*,
        $t->db->selectall_arrayref('SELECT * FROM tavus.destinations')->@*),
);

for my $where (sort keys %where) {
    my @found = grep { index(lc $where{$where}, lc $secret{$_}) >= 0 }
        sort keys %secret;
    is_deeply \@found, [], "$where: nothing";
}
like $where{metrics}, qr/posthog/, 'metrics are there';

done_testing;
