#!/usr/bin/perl

# site/nginx/examples/tls.conf in the place of nginx.conf's server: TLS, HTTP/2,
# the headers of every answer, what the MDN HTTP Observatory would make of them,
# and visitors' addresses from behind a balancer.

use lib 't/lib';
use IO::Socket::IP;
use Tavus::Test;
use Tavus::Test::Observatory;
use Tavus::Test::Process qw($ROOT free_port slurp spew);
use Tavus::Test::Site;
use Tavus::Test::Tls;

my $ca = Tavus::Test::Tls->new;
my ($cert, $key) = $ca->cert(name => 'example.com');
my $tls = free_port();
my $ipv6 = IO::Socket::IP->new(LocalHost => '::1', Listen => 1);

# What a test cannot have of the example: its paths and ports, and IPv6 where
# there is none.  The balancer is commented out there, and is this machine.
my $site = Tavus::Test::Site->new(server => sub ($text, $dir, $plain) {
    $text =~ s{/etc/tavus/tls\.pem}{$cert};
    $text =~ s{/etc/tavus/tls\.key}{$key};
    $text =~ s/^(\s*listen\s+(?:\[::\]:)?)443\b/$1$tls/mg;
    $text =~ s/^(\s*listen\s+(?:\[::\]:)?)80\b/$1$plain/mg;
    $text =~ s/^\s*listen\s+\[::\].*\n//mg unless $ipv6;
    $text =~ s{# (set_real_ip_from) 10\.0\.0\.0/8;}{$1 127.0.0.1;};
    $text =~ s{# (real_ip_header )}{$1};
    return $text;
});

spew($site->dir . '/site/admin.html', "<title>panel</title>\n");

my ($exit, $says) = $site->nginx_t;
is $exit, 0, 'nginx -t' or diag $says;
# nginx 1.25.1 and newer would rather have a directive that 1.22 does not know
$says =~ s/^.*"listen \.\.\. http2" directive is deprecated.*\n//mg;
unlike $says, qr/\[(?:warn|emerg)\]/, 'without a word';
$site->start;

# curl, for HTTP/2: the lines of the head, and the version that was spoken
sub head ($path, @more) {
    my @line = ('curl', '-sS', '-o', '/dev/null', '-D', '-', '-w',
        'version %{http_version}\n', '--cacert', $ca->file, '--resolve',
        "example.com:$tls:127.0.0.1", @more, "https://example.com:$tls$path");
    open my $out, '-|', @line or die "curl: $!";
    my @lines = map { s/\r?\n\z//r } <$out>;
    close $out;
    my ($version) = map { /^version (.*)/ ? $1 : () } @lines;
    my ($status) = ($lines[0] // '') =~ m{^HTTP/\S+ (\d+)};
    my %head = map { /^([^:]+): (.*)/ ? (lc $1 => $2) : () } @lines;
    return {exit => $? >> 8, version => $version, status => $status, %head,
        'set-cookie' => [map { /^set-cookie: (.*)/i ? $1 : () } @lines]};
}

my %ask = ('/' => 200, '/pricing' => 200, '/none' => 404, '/pricing/' => 301,
    '/_a/x.1a2b.js' => 200, '/config.json' => 200, '/api/none' => 404,
    '/admin' => 401, '/health' => 301);

for my $path (sort keys %ask) {
    subtest $path => sub {
        my $h = head($path);
        is $h->{status}, $ask{$path}, 'status';
        is $h->{version}, 2, 'HTTP/2';
        is $h->{'strict-transport-security'}, 'max-age=31536000', 'HSTS';
        my $room = $path eq '/admin' ? '' : ' https://*.daily.co';
        like $h->{'content-security-policy'},
            qr/^default-src 'none'; script-src 'self' 'sha256-script'\Q$room\E[; ]/;
        unlike $h->{'content-security-policy'}, qr/'unsafe-(?:inline|eval)'/;
        is $h->{'x-content-type-options'}, 'nosniff';
        is $h->{'referrer-policy'}, 'strict-origin-when-cross-origin';
        is $h->{'cross-origin-opener-policy'}, 'same-origin';
        is $h->{'cross-origin-resource-policy'}, 'same-origin';
        like $h->{'permissions-policy'}, qr/camera=\(self "https:/;
        done_testing;
    };
}

# with a login it is another path, for nginx
my $panel = head('/admin', '-u', 'admin:x');
is $panel->{status}, 200, 'the panel';
unlike $panel->{'content-security-policy'}, qr/daily/, 'lets in nothing of calls';
like $panel->{'content-security-policy'}, qr/connect-src 'self'; .*frame-src 'none';/;

is head('/pricing', '--http1.1')->{version}, '1.1', 'HTTP/1.1 is spoken, too';
is head('/pricing')->{link}, '<https://example.com/pricing>; rel="canonical"';
is head('/pricing/')->{location}, '/pricing', 'a redirect names no port';
is head('/', '--tls-max', '1.2')->{status}, 200, 'TLS 1.2';
is head('/', '--tlsv1.0', '--tls-max', '1.1', '--ciphers', 'ALL:@SECLEVEL=0')
    ->{exit}, 35, 'TLS 1.1 is refused';

my $res = $site->get('/pricing?a=b', {Host => 'example.com'});
is $res->code, 301, 'without TLS';
is $res->headers->location, 'https://example.com/pricing?a=b', 'elsewhere';

# The page that is built, where it is; that of the test has no scripts.
my $stranger = 'https://stranger.example';
my %seen = (
    https => head('/'),
    http  => {status => $res->code, location => $res->headers->location},
    cors  => head('/', '-X', 'OPTIONS', '-H', "Origin: $stranger",
        '-H', 'Access-Control-Request-Method: GET'),
    origin => $stranger,
    html   => slurp("$ROOT/build/site/index.html") // '<title>home</title>',
    host   => 'example.com',
);
my $judged = judge(%seen);
is $judged->{grade}, 'A+', 'the grade of the Observatory'
    or diag explain $judged->{found};
# five each are for a cookie, for integrity of scripts, and for who is preloaded
is $judged->{score}, 130, 'all points that its headers can have'
    or diag explain $judged->{found};

# each of these would be seen
my $csp = $seen{https}{'content-security-policy'};
for my $case (
    [55,  'no policy', https => {'content-security-policy' => undef}],
    [80,  'any script', https => {'content-security-policy' =>
        $csp =~ s/script-src [^;]*/script-src https: 'unsafe-inline'/r}],
    [125, 'more by default', https => {'content-security-policy' =>
        $csp =~ s/default-src 'none'/default-src 'self'/r}],
    [80,  'may be framed', https => {'content-security-policy' =>
        $csp =~ s/; frame-ancestors 'none'//r}],
    [80,  'no HSTS', https => {'strict-transport-security' => undef}],
    [120, 'HSTS for a day', https => {'strict-transport-security' => 'max-age=86400'}],
    [125, 'types are guessed', https => {'x-content-type-options' => undef}],
    [120, 'the whole address for others', https => {'referrer-policy' => 'unsafe-url'}],
    [120, 'may be embedded', https => {'cross-origin-resource-policy' => undef}],
    [70,  'a session for scripts', https => {'set-cookie' =>
        ['sessionid=1; Secure; SameSite=Lax']}],
    [135, 'a cookie as it should be', https => {'set-cookie' =>
        ['v=1; Secure; HttpOnly; SameSite=Lax']}],
    [50,  'credentials for anybody', cors => {
        'access-control-allow-origin' => $stranger,
        'access-control-allow-credentials' => 'true'}],
    [80,  'no TLS for who asks without', http => {status => 200}],
    [125, 'elsewhere', http => {location => 'https://www.example.com/'}],
) {
    my ($score, $name, $part, $other) = @$case;
    is judge(%seen, $part => {$seen{$part}->%*, %$other})->{score}, $score, $name;
}
is judge(%seen, html => '<script src="https://cdn.example/x.js"></script>')->{score},
    125, 'a foreign script';

# real_ip at server level: log and limits see the visitor
my $left = sub ($visitor) {
    head('/api/tavus/create-conversation', '-H', "X-Forwarded-For: $visitor",
        '-H', 'Content-Type: application/json', '-d', '{}')
        ->{'x-ratelimit-remaining'};
};
is $left->('192.0.2.1'), 4, 'a visitor';
is $left->('192.0.2.1'), 3, 'the same';
is $left->('192.0.2.2'), 4, 'another one behind the same balancer';
wait_ok { $site->access_log =~ /^192\.0\.2\.2 .* "POST /m } 'in the log';

$site->done;
done_testing;
