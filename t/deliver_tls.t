#!/usr/bin/perl

# Nothing is sent to who is not who he should be, or cannot be found; the log
# says of the address no more than its host, and all goes when that is mended.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Dns;
use Tavus::Test::Process qw(free_port);
use Tavus::Test::Tls;

my $ca = Tavus::Test::Tls->new;
my $dns = Tavus::Test::Dns->new('good.test' => ['127.0.0.1'],
    'wrong.test' => ['127.0.0.1']);
my $port = free_port();
my %path = (posthog => '/posthog', ga4 => '/ga4', crm => '/hooks/crm');
my %kind = (posthog => 'posthog', ga4 => 'ga4', crm => 'hooks');

my $t = Tavus::Test->new(
    http_extra => $ca->front(port => $port, name => 'good.test'),
    http => {
        resolver => '127.0.0.1:' . $dns->port . ' ipv6=off valid=1s',
        resolver_timeout => '1s',
        tavus_trusted_certificate => $ca->file,
    });
my $d = Tavus::Test::Deliver->new($t);
my $box = $t->sandbox;

# the same destinations at another host
my $use = sub ($host) {
    $t->{http}{tavus_deliver} = [$d->directives(sub ($url) {
        $url =~ s{^http://[^/]+}{https://$host:$port}r
            . ($url =~ /hooks/ ? '?s3cret=query' : '');
    })];
    return $t->configure;
};

$use->('wrong.test');
$t->start;
wait_ok { $d->ready } 'the destinations are there';
$d->track('page_view', consent => 'granted');

for my $name (sort keys %path) {
    wait_ok { $d->destination($name)->{failures} } "$name: failed";
    like $d->destination($name)->{said}, qr/SSL|certificate/i,
        "$name: " . $d->destination($name)->{said};
}
wait_ok { $t->grep_log(qr{"https://wrong.test:$port" failed}) }
    'the log names the host';

$use->('none.test')->reload(drained => 1);
for my $name (sort keys %path) {
    wait_ok { ($d->destination($name)->{said} // '') =~ /resolve/i }
        "$name: cannot be found";
}
$dns->set('none.test' => 'hang');
$use->('none.test')->reload(drained => 1);
wait_ok { $t->grep_log(qr/"https:\/\/none.test:$port" could not be resolved \(110/) }
    'nor where the name server says nothing';

is scalar $box->calls($_), 0, "$_: nothing was sent" for values %path;

$use->('good.test')->reload(drained => 1);
$d->retry(undef, destination => $_) for keys %path;
for my $name (sort keys %path) {
    wait_ok { $box->received($kind{$name})->{received} } "$name: it came";
    is $box->received($kind{$name})->{received}, 1, "$name: once";
}

my @secrets = ('s3cret', '/hooks', $box->ga4_secret, $box->posthog_key);
for my $secret (@secrets) {
    is index($t->error_log, $secret), -1, "the log has no $secret";
}

done_testing;
