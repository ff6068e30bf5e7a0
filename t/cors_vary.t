#!/usr/bin/perl

# All that varies with the origin says so in one line, whoever else has some-
# thing to say in it: nginx before 1.23 reads only one of an upstream's, and
# this one is such a cache, too.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(free_port);
use Compress::Zlib ();

my $E = 'https://example.com';
my $h2 = free_port();
my $gzip = 'gzip on; gzip_vary on; gzip_min_length 1; gzip_proxied any; '
    . 'gzip_types text/plain application/problem+json;';
my $text = 'hello ' x 30;
my $here = 'http://127.0.0.1:%%PORT%%';

# what an upstream says, then what is to come of it
my %upstream = (
    none    => ['', 'Accept-Encoding, Origin'],
    one     => ['add_header Vary Accept-Language;',
        'Accept-Language, Accept-Encoding, Origin'],
    two     => ['add_header Vary A; add_header vary "b , a,";',
        'A, b, Accept-Encoding, Origin'],
    origin  => ['add_header Vary "Accept, origin";',
        'Accept, origin, Accept-Encoding'],
    both    => ['add_header Vary "ORIGIN,Accept-encoding";',
        'ORIGIN,Accept-encoding'],
    similar => ['add_header Vary "X-Origin,Accept-Encoding-Not";',
        'X-Origin,Accept-Encoding-Not, Accept-Encoding, Origin'],
    star    => ['add_header Vary *;', '*'],
    late    => ['add_header Vary A; add_header Vary *;', '*'],
);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http_extra => 'proxy_cache_path %%DIR%%/cache keys_zone=one:1m;',
    server => "listen 127.0.0.1:$h2 http2; default_type text/plain;",
    locations => {
        '= /file' => "root %%HTML%%; tavus_cors_origin $E; $gzip",
        '= /plain' => "alias %%HTML%%/file; tavus_cors_origin $E;",
        '= /off' => "alias %%HTML%%/file; tavus_cors_origin $E; gzip on; "
            . 'gzip_min_length 1; gzip_types text/plain;',
        '= /open' => "alias %%HTML%%/file; $gzip",
        '= /added' => "alias %%HTML%%/file; tavus_cors_origin $E; $gzip "
            . 'add_header Vary A; add_header vary B;',
        '= /static' => "alias %%HTML%%/file; tavus_cors_origin $E; "
            . 'gzip_static on; gzip_vary on;',
        '= /gunzip' => "alias %%HTML%%/file; tavus_cors_origin $E; "
            . 'gzip_static always; gunzip on; gzip_vary on;',
        (map { ("= /u$_" => "$upstream{$_}[0] return 200 '$text';",
            "= /p$_" => "tavus_cors_origin $E; $gzip proxy_pass $here/u$_;",
            "= /c$_" => "proxy_cache one; proxy_cache_valid 200 1h; "
                . 'proxy_http_version 1.1; proxy_set_header Connection ""; '
                . "proxy_pass $here/p$_;") } keys %upstream),
    });
$t->file('file', $text);
$t->file('file.gz', Compress::Zlib::memGzip($text));
$t->start;

# [status, the lines of Vary]
sub vary ($path, %headers) {
    my $res = $t->get($path, {'Accept-Encoding' => 'gzip', %headers});
    return [$res->code, @{$res->headers->every_header('Vary')}];
}

my %own = (Origin => $E);
my $BOTH = 'Accept-Encoding, Origin';
is_deeply vary('/file', %own), [200, $BOTH], 'gzip';
is_deeply vary('/file'), [200, $BOTH], 'without an Origin';
is_deeply vary('/file', %own, 'Accept-Encoding' => ''), [200, $BOTH],
    'to a client without gzip';
is_deeply vary('/file', Origin => 'null'), [403, $BOTH], 'a refusal';
is_deeply vary('/plain', %own), [200, 'Origin'], 'where nothing is packed';
is_deeply vary('/off', %own), [200, 'Origin'], 'without gzip_vary';
is_deeply vary('/open', %own), [200, 'Accept-Encoding'], 'not ours';
is_deeply vary('/added', %own), [200, "A, B, $BOTH"], 'add_header';
is_deeply vary('/static', %own), [200, $BOTH], 'gzip_static';
is_deeply vary('/gunzip', %own, 'Accept-Encoding' => ''), [200, $BOTH],
    'gunzip';
is_deeply vary('/file', %own, 'If-Modified-Since' =>
    $t->get('/file')->headers->last_modified), [304, 'Origin'], 'a 304';

my $res = $t->options('/file', undef, {%own, 'Accept-Encoding' => 'gzip',
    'Access-Control-Request-Method' => 'GET'});
is_deeply [$res->code, @{$res->headers->every_header('Vary')}],
    [204, 'Origin'], 'a preflight';

is_deeply vary("/p$_", %own), [200, $upstream{$_}[1]], "an upstream: $_"
    for sort keys %upstream;

# through a cache: each gets what he can read
for my $name (grep { !/star|late/ } sort keys %upstream) {
    for my $coding ('gzip', '', 'gzip') {
        my $res = $t->socket->send("GET /c$name HTTP/1.1\r\nHost: x\r\n"
            . "Origin: $E\r\nAccept-Encoding: $coding\r\n\r\n")->response;
        my $body = $res->{body};
        $body = Compress::Zlib::memGunzip($body) // '' if $coding;
        is_deeply [$res->{headers}{'content-encoding'} // '', $body],
            [$coding, $text], "cached, $name: " . ($coding || 'plain');
    }
}

# HTTP/2 writes its header elsewhere
my $out = qx{curl -sS -D - -o /dev/null --http2-prior-knowledge \\
    -H 'Accept-Encoding: gzip' -H 'Origin: $E' http://127.0.0.1:$h2/file 2>&1};
is_deeply [$out =~ /^vary: ([^\r\n]*)/gim], [$BOTH], 'HTTP/2' or diag $out;

done_testing;
