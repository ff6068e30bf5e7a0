#!/usr/bin/perl

# A sandbox can never pass for production.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;
use Tavus::Test::Process qw(free_port);

my $t = conf_test();
my $url = qr/^\s*tavus_api_url\b/;
sub api {
    my ($api, $sandbox) = @_;
    return (http => {tavus_api_url => $api, tavus_sandbox => $sandbox,
        resolver => undef});
}

# ---- where the key goes
accepted("$_, no sandbox", api($_, 'off')) for 'https://127.0.0.1:1',
    'https://[::1]:1', 'https://127.0.0.1/base', 'https://127.0.0.1/';
accepted("$_, a sandbox", api($_, 'on')) for 'http://127.0.0.1:1',
    'http://127.255.0.1', 'http://[::1]:1', 'http://localhost:1/';
for my $sandbox ('off', undef) {
    refused("$_ without a sandbox", qr/"tavus_api_url" must be https/, $url,
        api($_, $sandbox)) for qw(http://127.0.0.1:1 http://[::1]:1
            http://localhost:1 http://192.0.2.1);
}
refused("$_ is no loopback", qr/"tavus_api_url" must be https, or http to a/,
    $url, api($_, 'on')) for qw(http://192.0.2.1 http://[2001:db8::1]:1
        http://128.0.0.1 http://126.255.255.255 http://[::2] http://0.0.0.0:1
        http://[::ffff:192.0.2.1] http://10.0.0.1:127);
for (qw(ftp://127.0.0.1 127.0.0.1 tavusapi.com //x HTTPS://127.0.0.1
    https:// http:// https:///x https://127.0.0.1:99999 https://u:p@127.0.0.1
    https://127.0.0.1?x https://$host https://127.0.0.1:x
    unix:/tmp/x https://unix:/tmp/x), 'https://127.0.0.1#x')
{
    refused($_, qr/invalid|must be|host not found/, $url, api($_, 'on'));
}
refused('a blank', qr/invalid URL/, $url, api('"https://127.0.0.1/a b"', 'on'));
refused('unresolvable',
    qr/host not found in "https:\/\/no\.invalid" of "tavus_api_url"/, $url,
    api('https://no.invalid', 'off'));
accepted('with a resolver it may come', http => {tavus_sandbox => 'off',
    tavus_api_url => 'https://no.invalid', resolver => '127.0.0.1:5353'});
refused('twice', qr/"tavus_api_url" directive is duplicate/, $url,
    http => {tavus_api_url => [('https://127.0.0.1') x 2]});
refused('certificates that are none', qr/could not load certificates/, qr/./,
    http => {tavus_trusted_certificate => $t->dir . '/html/index.html'});

# ---- who may reach it
my $port = free_port();
sub listen_on { return (server => "listen $_[0];") }
for my $addr ("127.0.0.2:$port", "[::1]:$port", "localhost:$port",
    'unix:' . $t->dir . '/sock')
{
    accepted("listen $addr", listen_on($addr));
}
for my $addr ($port, "*:$port", "0.0.0.0:$port", "[::]:$port",
    "[::]:$port ipv6only=off")
{
    refused("listen $addr", qr/"tavus_sandbox\ on"\ allows\ only
        \ loopback\ addresses\ in\ "listen",\ not\ ".*$port"/x, qr/tavus_sandbox/,
        listen_on($addr));
    accepted("listen $addr, no sandbox", listen_on($addr),
        api('https://127.0.0.1:1', 'off'));
}
refused('another server', qr/allows only loopback/, qr/tavus_sandbox/,
    http_extra => "server { listen 0.0.0.0:$port; }");
refused('a server without a listen', qr/allows only loopback/,
    qr/tavus_sandbox/, http_extra => 'server { server_name x; }');

# what is said of the sandbox counts where no location is ours yet, too
my %bare = map { $_ => undef } qw(/api/admin/), map { "= $_" }
    '/healthz', '/.problem', '/api/track', '/api/contact', map { "/api/tavus/$_" }
    qw(create-conversation end-conversation webhook);
refused('a site without our locations', qr/allows only loopback/,
    qr/tavus_sandbox/, listen_on($port), locations => \%bare);
refused('a key for anybody, without our locations',
    qr/"tavus_api_url" must be https/, $url, api('http://192.0.2.1', 'off'),
    locations => \%bare);
accepted('neither', locations => \%bare);

refused('sandbox maybe', qr/invalid value "maybe"/, qr/tavus_sandbox/,
    http => {tavus_sandbox => 'maybe'});
refused('sandbox in a server', qr/not allowed here/, qr/tavus_sandbox/,
    server => 'tavus_sandbox on;');

done_testing;
