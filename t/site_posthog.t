#!/usr/bin/perl

# site/nginx/optional/posthog.conf: what goes to PostHog through this origin,
# and what does not.  Its hosts are played by an nginx with their names.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Dns;
use Tavus::Test::Process qw(free_port);
use Tavus::Test::Site;
use Tavus::Test::Tls;

my $ca = Tavus::Test::Tls->new;
my @names = qw(us.i.posthog.com us-assets.i.posthog.com);
my $port = free_port();
my $dns = Tavus::Test::Dns->new(map { $_ => ['127.0.0.1'] } @names);

# A server for each name, with its certificate; both answer with what they got.
my $servers = join '', map {
    my ($cert, $key) = $ca->cert(name => $_);
    "server { listen 127.0.0.1:$port ssl; server_name $_; "
        . "ssl_certificate $cert; ssl_certificate_key $key; "
        . 'location / { add_header Set-Cookie "ph=1"; proxy_pass '
        . "http://127.0.0.1:%%PORT%%/body; proxy_set_header X-Got '"
        . '$ssl_server_name|$host|$request_method|$request_uri|'
        . "\$http_cookie|\$http_authorization|\$http_x_forwarded_for'; } }\n";
} @names;

my $posthog = Tavus::Test->new(db => 0, module => 0, sandbox => 0,
    http_extra => $servers,
    locations => {'/body' => 'add_header X-Got $http_x_got always; '
        . 'return 200 "{}";'})->start;

my $site = Tavus::Test::Site->new(
    resolver => '127.0.0.1:' . $dns->port . ' ipv6=off',
    optional => {'posthog.conf' => sub ($text) {
        # all that is of the test: its port, and who signed
        $text =~ s{https://\$posthog/}{https://\$posthog:$port/}g;
        $text =~ s{/etc/ssl/certs/ca-certificates\.crt}{@{[$ca->file]}}g;
        return $text;
    }});

my ($exit, $says) = $site->nginx_t;
is $exit, 0, 'nginx -t' or diag $says;
$site->start;

my @got = qw(name host method uri cookie authorization visitor);

sub through ($method, $path, @body) {
    my $res = $site->request($method, $path, {Cookie => 'visitor=secret',
        Authorization => 'Basic c2VjcmV0', 'X-Forwarded-For' => '192.0.2.7'},
        @body);
    my %got;
    @got{@got} = split /\|/, $res->headers->header('X-Got') // '', -1;
    return ($res, \%got);
}

my @paths = (
    [GET => '/static/array.js', 1],
    [GET => '/array/phc_x/config.js', 1],
    [POST => '/e/?ip=0&_=1&ver=1.2.3', 0],
    [POST => '/i/v0/e/', 0],
    [POST => '/flags/?v=2&config=true', 0],
    [POST => '/s/', 0],
);

for (@paths) {
    my ($method, $path, $asset) = @$_;

    subtest "$method $path" => sub {
        my ($res, $got) = through($method, "/relay$path",
            $method eq 'POST' ? '{"event":"x"}' : ());
        is $res->code, 200;
        is $got->{uri}, $path, 'the path, and what follows it';
        is $got->{method}, $method;
        is $got->{host}, $names[$asset], 'the host';
        is $got->{name}, $names[$asset], 'is named in TLS';
        is $got->{cookie} . $got->{authorization}, '',
            'nothing that this site has given';
        is $got->{visitor}, '192.0.2.7', 'the address, for the country';
        is $res->headers->header('Set-Cookie'), undef, 'no cookie comes back';
        like $res->headers->header('Content-Security-Policy'),
            qr/default-src 'none'/, 'this site has the last word';
        done_testing;
    };
}

# what is decoded must not become a request line
for my $path ('/relay/e%20HTTP/1.1%0d%0aX:%20y', '/relay/a%0d', '/relay/a%20b',
    '/relay/static/%3f', '/relay/static/a%0ab')
{
    is $site->get($path)->code, 404, "refused: $path";
}
is $site->get('/relay/../pricing')->code, 200, 'not a way around';
is $site->request(POST => '/relay/e/', {}, 'x' x 2_100_000)->code, 413,
    'over 2 MiB';

# somebody else's certificate
$dns->set('us.i.posthog.com' => ['127.0.0.1']);
my $foreign = Tavus::Test::Tls->new;
my $strict = Tavus::Test::Site->new(
    resolver => '127.0.0.1:' . $dns->port . ' ipv6=off',
    optional => {'posthog.conf' => sub ($text) {
        $text =~ s{https://\$posthog/}{https://\$posthog:$port/}g;
        $text =~ s{/etc/ssl/certs/ca-certificates\.crt}{@{[$foreign->file]}}g;
        return $text;
    }})->start;
is $strict->request(POST => '/relay/e/', {}, '{}')->code, 502,
    'a certificate of an unknown signer is not trusted';
like $strict->error_log, qr/upstream SSL certificate verify error/;

$_->done for $site, $strict;
done_testing;
