#!/usr/bin/perl

# /api/track and /api/contact are for the site's own pages, so often and no
# more, and for them without a password.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_limit_zone => [
        '$binary_remote_addr zone=create:1m rate=1000r/s capacity=10000',
        'all zone=site:64k rate=1000r/s capacity=10000',
        '$arg_key zone=few:1m rate=1r/h capacity=2',
    ]},
    locations => {
        '= /few/track' => 'tavus_limit zone=few; tavus_track;',
        '= /few/contact' => 'tavus_limit zone=few; tavus_contact;',
        '= /partner' => 'tavus_cors_origin https://partner.example; '
            . 'tavus_track;',
    });
$t->{server} = 'tavus_admin_users ' . $t->secret('users',
    'a:$5$rounds=1000$x$' . 'x' x 43 . "\n") . ';';
$t->{locations}{'= /healthz'} = 'tavus_health;';
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my %body = (
    track => {events => [{name => 'a', properties => {session_id => 's'}}]},
    contact => {name => 'Ann Example', email => 'ann@example.com',
        message => 'I would like to know more.'},
);
my %good = (track => 202, contact => 200);
my $own = 'http://127.0.0.1:' . $t->port;

for my $name (qw(track contact)) {
    my $post = sub (%headers) {
        return $t->post("/api/$name", $body{$name}, \%headers);
    };
    is $post->()->code, $good{$name}, "$name: no origin, and no password";
    my $res = $post->(Origin => $own);
    is $res->code, $good{$name}, "$name: our own";
    is $res->headers->access_control_allow_origin, $own;
    for my $origin ('https://evil.example', 'null', "$own.evil.example") {
        $res = $post->(Origin => $origin);
        is_deeply [$res->code, $res->json->{code}],
            [403, 'origin_not_allowed'], "$name: $origin";
    }
    is $post->('Sec-Fetch-Site' => 'cross-site')->code, 403, 'cross-site';

    $res = $t->options("/api/$name", undef, {Origin => $own,
        'Access-Control-Request-Method' => 'POST'});
    is $res->code, 204, 'a preflight';
    is $res->headers->header('Access-Control-Allow-Methods'), 'POST';

    is_deeply [map { $t->post("/few/$name?key=$name", $body{$name})->code }
        1 .. 3], [($good{$name}) x 2, 429], "$name: a rate";
    $res = $t->post("/few/$name?key=$name", $body{$name}, {Origin => $own});
    is_deeply [$res->code, $res->json->{code}], [429, 'rate_limited'];
    ok $res->headers->header('Retry-After');
}

is $t->post('/partner', $body{track}, {Origin => 'https://partner.example'})
    ->code, 202, 'a partner that is named';
is $t->post('/partner', $body{track}, {Origin => $own})->code, 403,
    'instead of our own';
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events}), 9,
    'what was refused is not stored';

done_testing;
