#!/usr/bin/perl

# Tavus over TLS: verified, its connections and sessions used again; a
# certificate that is not right is a 502 with the reason in the log.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(free_port slurp);
use Tavus::Test::Tls;

my $ca = Tavus::Test::Tls->new;
my $other = Tavus::Test::Tls->new;

my $front = sub ($port, $name, $ca, %opt) {
    my $more = $opt{more} // '';
    return $ca->front(port => $port, name => $name, days => $opt{days},
        more => "access_log %%DIR%%/front.log front; $more");
};

my %port = map { $_ => free_port() } qw(good short foreign name old);

my $t = Tavus::Test->new(
    http_extra => "log_format front '\$connection \$ssl_session_reused \$status "
        . "\$ssl_protocol';\n"
        . $front->($port{good}, 'localhost', $ca)
        . $front->($port{short}, 'localhost', $ca, more =>
            'keepalive_requests 1; ssl_session_cache shared:front:1m;')
        . $front->($port{foreign}, 'localhost', $other)
        . $front->($port{name}, 'example.com', $ca)
        . $front->($port{old}, 'localhost', $ca, days => -1),
    http => {tavus_trusted_certificate => $ca->file},
);
my $use = sub ($kind) {
    $t->configure(http => {tavus_api_url => "https://localhost:$port{$kind}"});
};
my $read = 0;
my $front_log = sub {
    my $text = slurp($t->dir . '/front.log') // '';
    my $from = $read;
    $read = length $text;
    return map { [split] } split /\n/, substr $text, $from;
};

$use->('good');
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my ($worker) = $t->workers;
my $tasks = tasks($worker);
my $probe = Tavus::Test::Fault::Probe->new($t->port);
is $t->create->code, 200, 'created over TLS';
$probe->stop;
is $t->create->code, 200 for 1 .. 4;
my @seen = $front_log->();
is scalar @seen, 5;
my %connections = map { $_->[0] => 1 } @seen;
is scalar keys %connections, 1, 'over one connection';
is $seen[0][-1], 'TLSv1.3';
is tasks($worker), $tasks, 'no thread was started';

$use->('short')->reload(drained => 1);
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->create->code, 200 for 1 .. 4;
@seen = $front_log->();
is_deeply [map { $_->[1] } @seen], ['.', 'r', 'r', 'r'],
    'the session is resumed where the connection is not kept';

my %why = (
    foreign => qr/unable to get local issuer certificate/,
    name    => qr/no alternative certificate subject name matches target host/,
    old     => qr/certificate has expired/,
);
for my $kind (sort keys %why) {
    $t->sandbox->forget;
    $use->($kind)->reload(drained => 1);
    wait_ok { $t->get('/healthz')->code == 200 } 'ready';
    my $res = $t->create;
    is $res->code, 502, $kind;
    is $res->json->{code}, 'upstream_error';
    unlike $res->body, qr/certificate/;
    ok $t->grep_log($why{$kind}), 'the log has the reason';
    is scalar $t->sandbox->calls('/v2/'), 0, 'nothing was sent';
}

done_testing;
