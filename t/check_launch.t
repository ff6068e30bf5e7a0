#!/usr/bin/perl

# tavus-check --launch: the sample configuration with TLS has nothing amiss from
# outside, and what would be is said, one thing at a time.

use lib 't/lib';
use IO::Socket::IP;
use IO::Compress::Gzip qw(gzip);
use Tavus::Test;
use Tavus::Test::Check;
use Tavus::Test::Process qw(free_port slurp spew);
use Tavus::Test::Site;
use Tavus::Test::Tls;

my $ca = Tavus::Test::Tls->new;
my ($cert, $key) = $ca->cert(name => 'example.com', days => 90);
my $tls = free_port();
my $strips = free_port();

my $site = Tavus::Test::Site->new(server => sub ($text, $dir, $plain) {
    $text =~ s{/etc/tavus/tls\.pem}{$cert};
    $text =~ s{/etc/tavus/tls\.key}{$key};
    $text =~ s/^(\s*listen\s+)443\b/$1$tls/m;
    $text =~ s/^(\s*listen\s+)80\b/$1$plain/m;
    $text =~ s/^\s*listen\s+\[::\].*\n//mg;
    # a balancer that takes a header away
    return $text . "server { listen 127.0.0.1:$strips ssl; "
        . "ssl_certificate $cert; ssl_certificate_key $key; location / { "
        . "proxy_pass https://127.0.0.1:$tls; proxy_set_header Host example.com; "
        . "proxy_http_version 1.1; proxy_hide_header Retry-After; } }\n";
});
my $dir = $site->dir;
spew("$dir/site/admin.html", '<!doctype html><title>admin</title>');
spew("$dir/site/index.html", slurp("$dir/site/index.html")
    . '<script src="/_a/x.1a2b.js"></script>');
gzip "$dir/site/$_" => "$dir/site/$_.gz" or die 'no gzip'
    for qw(index.html _a/x.1a2b.js);
$site->start;

sub launch (%opt) {
    return check($site, launch => 'https://example.com', args => ['--cacert',
        $ca->file, '--at', $opt{at} // "127.0.0.1:$tls"]);
}

# the same with a line of a file changed
sub changed ($file, $from, $to, %opt) {
    my $text = slurp("$dir/conf/$file");
    my $new = $text =~ s/$from/$to/r;
    die "$file: no $from\n" if $new eq $text;
    spew("$dir/conf/$file", $new, 0600);
    $site->{nginx}->write_conf(slurp("$dir/conf/nginx.conf"))
        if $file eq 'nginx.conf';
    $site->{nginx}->reload(drained => 1);
    my $c = launch(%opt);
    spew("$dir/conf/$file", $text, 0600);
    $site->{nginx}->write_conf(slurp("$dir/conf/nginx.conf"))
        if $file eq 'nginx.conf';
    return $c;
}

my $c = launch();
is $c->{exit}, 0, 'nothing is amiss' or diag $c->{out};
is $c->{err}, '';
for (['TLS', 'TLS'], ['TLS', 'old TLS'], ['pages', '/'], ['pages', 'headers'],
    ['pages', 'server'], ['pages', 'compression'], ['access', 'health'],
    ['access', 'admin'], ['access', 'webhook'], ['access', 'CORS'],
    ['access', 'own pages'], ['limits', 'create'], ['limits', '429'])
{
    says($c, @$_, ok => qr/./);
}
is scalar($c->line('access', 'admin')), 2, 'API and panel';
says($c, 'limits', 'create', ok => qr/"create";q=5/);
says($c, 'limits', '429', ok => qr/bucket of 10, with Retry-After: \d/);
unlike $site->access_log, qr/ 5\d\d \d+ \S+ \S+$/m, 'and nothing broke';

for (
    ['a foreign origin that may ask', 'locations.conf', qr/(\s)tavus_conversation;/,
        '$1tavus_conversation; tavus_cors_origin https://example.com '
            . 'https://foreign.example;', 'access', 'CORS',
        qr/may make conversations/, qr/tavus_cors_origin/],
    ['the site itself may not', 'locations.conf', qr/(\s)tavus_conversation;/,
        '$1tavus_conversation; tavus_cors_origin https://www.example.com;',
        'access', 'own pages', qr/answered 403/, qr/exactly/],
    ['an open panel', 'site.conf', qr/tavus_admin_users [^;]*;/, '',
        'access', 'admin', qr{/admin is open}, qr/tavus_admin_users/],
    ['a header that is missing', 'headers.conf',
        qr/add_header X-Content-Type-Options[^;]*;/, '', 'pages', 'headers',
        qr{X-Content-Type-Options is missing at / /no-such-page /pricing},
        qr/headers\.conf/],
    ['a policy with a hole', 'headers.conf', qr/script-src 'self'/,
        "script-src 'self' 'unsafe-inline'", 'pages', 'headers',
        qr/'unsafe-inline' in script-src/, qr/hashes/],
    ['pages as they are', 'site.conf', qr/gzip_static\s+on;/, 'gzip off;',
        'pages', 'compression', qr{/ /_a/x\.1a2b\.js come as they are}, qr/gzip_static/],
    ['creates without a limit', 'locations.conf',
        qr/(tavus_limit zone=(?:create|site);\s*){2}/, '', 'limits', 'create',
        qr/nothing bounds/, qr/tavus_limit/],
    ['another who takes webhooks', 'locations.conf',
        qr/tavus_webhook tavus;/, 'return 200;', 'access', 'webhook',
        qr/answers 200/, qr/401/],
) {
    my ($name, $file, $from, $to, $group, $check, $seen, $do) = @$_;
    subtest $name => sub {
        my $text = slurp("$dir/conf/$file");
        my $with = $text =~ /$from/ ? ($to =~ s/\$1/$1 \/\/ ''/er) : $to;
        # creates need their webhook location: this one is a neighbour's
        my $c = $name =~ /webhooks/
            ? changed('locations.conf', qr/location = \/api\/tavus\/webhook \{/,
                "location = /api/tavus/webhook { if (\$http_user_agent ~ "
                    . 'tavus-check) { return 200; }')
            : changed($file, $from, $with);
        says($c, $group, $check, FAIL => $seen, $do);
        alone($c, $group, $check);
        done_testing;
    };
}

subtest 'a page without a script' => sub {
    my %was = map { $_ => slurp("$dir/site/$_") } 'index.html', 'index.html.gz';
    spew("$dir/site/index.html", '<!doctype html><title>soon</title>');
    gzip "$dir/site/index.html" => "$dir/site/index.html.gz" or die 'no gzip';
    $site->{nginx}->reload(drained => 1);
    my $c = launch();
    says($c, 'pages', 'compression', warn => qr/names no script/, qr/build made/);
    is $c->{exit}, 0;
    spew("$dir/site/$_", $was{$_}) for keys %was;
    done_testing;
};

subtest 'a version that is told' => sub {
    my $c = changed('clients.conf', qr/server_tokens off;/, 'server_tokens on;');
    says($c, 'pages', 'server', warn => qr{nginx/}, qr/server_tokens/);
    is $c->{exit}, 0;
    done_testing;
};

subtest 'an old TLS' => sub {
    my $c = changed('nginx.conf', qr/ssl_protocols\s[^;]*;\s+ssl_ciphers\s[^;]*;/,
        'ssl_protocols TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;');
    says($c, 'TLS', 'old TLS', FAIL => qr/TLS 1\.1 is spoken/, qr/ssl_protocols/);
    alone($c, 'TLS', 'old TLS');
    done_testing;
};

subtest 'a header that is taken away' => sub {
    $site->{nginx}->reload(drained => 1);
    my $c = launch(at => "127.0.0.1:$strips");
    says($c, 'limits', '429', FAIL => qr/without Retry-After/, qr/proxy/);
    alone($c, 'limits', '429');
    done_testing;
};

subtest 'a certificate' => sub {
    my $with = sub (%how) {
        my ($other, $its) = $ca->cert(%how);
        my $text = slurp("$dir/conf/nginx.conf");
        my $new = $text =~ s/\Q$cert\E/$other/gr =~ s/\Q$key\E/$its/gr;
        $site->{nginx}->write_conf($new);
        $site->{nginx}->reload(drained => 1);
        my $c = launch();
        $site->{nginx}->write_conf($text);
        return $c;
    };
    my $c = $with->(name => 'example.com', days => 4);
    says($c, 'TLS', 'TLS', FAIL => qr/ends in 3 days/, qr/renew/);
    alone($c, 'TLS', 'TLS');
    says($with->(name => 'example.com', days => 15), 'TLS', 'TLS',
        warn => qr/ends in 14 days/, qr/renews/);
    says($with->(name => 'example.net', days => 90), 'TLS', 'TLS',
        FAIL => qr/[Hh]ostname mismatch/, qr/for this name/);
    done_testing;
};

subtest 'public metrics' => sub {
    my ($address) = map { $_->sockhost } grep { defined }
        IO::Socket::IP->new(PeerHost => '192.0.2.1', PeerPort => 9,
            Proto => 'udp');
    plan skip_all => 'no address but loopback'
        if !defined $address || $address =~ /^127\./;
    my $c = changed('locations.conf', qr/allow 127.*?deny all;/s, '',
        at => "$address:$tls");
    says($c, 'access', 'metrics', FAIL => qr/public/, qr/deny all/);
    alone($c, 'access', 'metrics');
    $site->{nginx}->reload(drained => 1);
    says(launch(at => "$address:$tls"), 'access', 'metrics', ok => qr/403/);
    done_testing;
};
$site->done;

# ---- Tavus's test mode -----------------------------------------------------

my $t = check_test();
$c = check($t, '--test-mode', args => [$t->dir . '/nginx.conf'],
    launch => 'http://127.0.0.1:' . $t->port);
says($c, 'test mode', 'create', ok => qr/costs nothing, and has deleted/);
says($c, 'TLS', 'https', FAIL => qr/is http/, qr/tls\.conf/);
my @calls = map { "$_->{method} $_->{path}" =~ s/c\w{14}/ID/r }
    $t->sandbox->calls('/v2/conversations');
is_deeply \@calls, ['POST /v2/conversations', 'DELETE /v2/conversations/ID'],
    'made and deleted';
ok +($t->sandbox->calls('/v2/conversations'))[0]{body}{test_mode}, 'in test mode';
is check($t, launch => 'http://none/with/path')->{exit}, 2, 'no origin';

done_testing;
