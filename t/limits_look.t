#!/usr/bin/perl

# memcheck

# GET and DELETE /limits: what a client's buckets hold on this node, by the key
# as the zone would have it, and how they are filled again.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json true false);
use Mojo::Util qw(url_escape);
use Tavus::Test::Process qw(slurp);

my $t = Tavus::Test->new(sandbox => 0, workers => 2, http => {
        tavus_journal => '%%DIR%%/journal',
        tavus_limit_zone => [
            '$binary_remote_addr zone=plain:64k rate=5r/h capacity=5',
            '$binary_remote_addr zone=wide:64k rate=1r/h capacity=2 v4=20 v6=51',
            '$remote_addr zone=text:64k rate=1r/h capacity=3',
            '$arg_a zone=arg:64k rate=1r/h capacity=4',
            '$binary_remote_addr zone=body:64k rate=8k/h capacity=64k',
            'all zone=all:64k rate=1r/h capacity=100',
            '$arg_a zone=small:64k rate=1r/h capacity=2',
        ]},
    http_extra => 'log_format seen "$request $args $request_uri $uri"; keepalive_requests 1000000;',
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; '
        . 'access_log %%DIR%%/seen.log seen;',
    locations => {
        '= /api/tavus/create-conversation' => undef,
        map({ ("= /$_" => "tavus_limit zone=$_; empty_gif;") }
            qw(plain wide text arg all small)),
        '= /other' => 'return 200 $args;',
        '= /dry' => 'tavus_limit zone=plain dry_run; empty_gif;',
        '= /body' => 'tavus_limit zone=body; tavus_contact;',
    })->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');
sub spend ($path, $from = '127.0.0.1', $times = 1) {
    return join ' ', map { $t->get($path, {'X-Forwarded-For' => $from})->code } 1 .. $times;
}
sub ask ($method, $query, %headers) {
    return $t->request($method, "/api/admin/limits$query", undef,
        {$t->admin_headers->%*, 'Content-Type' => 'application/json', %headers});
}
sub look ($key, $zone = undef) {
    my $res = ask(GET => '?key=' . url_escape($key) . ($zone ? "&zone=$zone" : ''));
    is $res->code, 200 or diag $res->body;
    return {map { $_->{zone} => $_ } $res->json->{limits}->@*};
}
sub left ($key, $zone) { return look($key, $zone)->{$zone}{remaining} }
sub reset_it ($key, $zone = undef) {
    my $res = ask(DELETE => '?key=' . url_escape($key) . ($zone ? "&zone=$zone" : ''));
    is $res->code, 200 or diag $res->body;
    return {map { $_->{zone} => $_->{reset} } $res->json->{limits}->@*};
}

subtest 'a bucket' => sub {
    my $is = look('192.0.2.1', 'plain');
    is_deeply $is, {plain => {zone => 'plain', unit => 'requests', rate => 5,
        period => 3600, capacity => 5, remaining => 5, full_in => 0, known => false,
        shared => false}}, 'one that is not there is full';
    is spend('/plain', '192.0.2.1', 2), '200 200';
    $is = look('192.0.2.1', 'plain')->{plain};
    is_deeply [$is->@{qw(remaining known)}], [3, true], 'what is left';
    ok $is->{full_in} > 1400 && $is->{full_in} <= 1440, "full in $is->{full_in} s";
    is left('192.0.2.1', 'plain'), 3, 'a look takes nothing';
    is left('192.0.2.2', 'plain'), 5, 'nobody else has it';
    is spend('/plain', '192.0.2.1', 4), '200 200 200 429';
    is left('192.0.2.1', 'plain'), 0;
    is_deeply reset_it('192.0.2.1', 'plain'), {plain => true};
    is left('192.0.2.1', 'plain'), 5, 'full again';
    is_deeply reset_it('192.0.2.1', 'plain'), {plain => false}, 'there was nothing';
    is spend('/plain', '192.0.2.1', 6), '200 200 200 200 200 429', 'and no more than full';

    is spend('/dry', '192.0.2.9', 6), '200 200 200 200 200 200';
    is left('192.0.2.9', 'plain'), 0, 'one that is only tried is counted, too';
    done_testing;
};

subtest 'addresses' => sub {
    is spend('/plain', '2001:db8:1:2::1'), '200';
    is left($_, 'plain'), 4, $_ for '2001:db8:1:2::1', '2001:DB8:1:2:ffff::9',
        '2001:0db8:0001:0002::';
    is left('2001:db8:1:3::1', 'plain'), 5, 'the next /64';
    is spend('/plain', '198.51.100.7'), '200';
    is left($_, 'plain'), 4, $_ for '198.51.100.7', '::ffff:198.51.100.7',
        '64:ff9b::198.51.100.7', '2002:c633:6407::1';
    is spend('/wide', '10.1.16.1'), '200';
    is left('10.1.31.254', 'wide'), 1, 'as the zone masks it';
    is left('10.1.32.1', 'wide'), 2;
    is spend('/text', '2001:db8::1'), '200';
    is left('2001:db8::1', 'text'), 2, 'a text is one';
    is left('2001:db8::2', 'text'), 3;
    is left('unix:', 'plain'), 5, 'who comes by a socket';

    for my $bad ('x', '1.2.3', '1.2.3.4.5', '192.0.2.1:80', '[::1]', '::1/64', '',
        '1' x 300, "\x{e9}", ' 192.0.2.1')
    {
        my $res = ask(GET => '?zone=plain&key=' . url_escape($bad));
        is_deeply [$res->code, $res->json->@{qw(code parameter)}],
            [400, 'invalid_parameter', 'key'], "no address: $bad";
        is ask(DELETE => '?zone=plain&key=' . url_escape($bad))->code, 400;
    }
    done_testing;
};

subtest 'other keys' => sub {
    is spend('/arg?a=%C3%A9%22', '127.0.0.1'), '200', 'a key that is kept as it was sent';
    is left('%C3%A9%22', 'arg'), 3;
    is left("\xc3\xa9\"", 'arg'), 4;
    is spend('/arg'), '200', 'none';
    is left('', 'arg'), 3, 'is a key';
    is spend('/all'), '200';
    my $all = look('whatever', 'all')->{all};
    is_deeply [$all->@{qw(remaining shared)}], [99, true], 'one for all';
    my $contact = encode_json({name => 'Ada', email => 'a@example.com',
        message => 'x' x 2000});
    is $t->post('/body', $contact, {'Content-Type' => 'application/json'})->code, 200;
    my $body = look('127.0.0.1', 'body')->{body};
    is_deeply [$body->@{qw(unit rate capacity remaining)}],
        ['bytes', 8192, 65536, 65536 - 3072], 'bytes';
    done_testing;
};

subtest 'all zones' => sub {
    is_deeply [sort keys look('192.0.2.77')->%*],
        [sort qw(plain wide text arg body all small tavus_admin_logins)], 'of an address';
    is_deeply [sort keys look('ada')->%*], [qw(all arg small text)], 'of what is none';
    spend("/$_?a=192.0.2.77", '192.0.2.77') for qw(plain wide text arg all);
    my $all = left('x', 'all');
    is_deeply reset_it('192.0.2.77'), {plain => true, wide => true, text => true,
        arg => true, map { $_ => false } qw(body small tavus_admin_logins)},
        'all of his, none that is everybody\'s';
    is left('x', 'all'), $all;
    is_deeply reset_it('x', 'all'), {all => true}, 'but who names it';
    is left('x', 'all'), 100;
    done_testing;
};

subtest 'failed logins' => sub {
    my $wrong = sub { $t->get('/api/admin/events', {'X-Forwarded-For' => '203.0.113.5',
        Authorization => 'Basic eDp5'})->code };
    wait_ok { $wrong->() == 429 } 'too many';
    my $zone = look('203.0.113.5')->{tavus_admin_logins};
    is $zone->{remaining}, 0, 'a bucket of their own';
    is reset_it('203.0.113.5')->{$zone->{zone}}, true;
    is $wrong->(), 401, 'asked again';
    done_testing;
};

subtest 'more keys than there is room' => sub {
    my $s = $t->socket;
    for my $from (0 .. 99) {
        $s->send(join '', map { "GET /small?a=k" . ($from * 50 + $_)
            . " HTTP/1.1\r\nHost: x\r\n\r\n" } 0 .. 49);
        $s->response or die for 0 .. 49;
    }
    is left('k0', 'small'), 1, 'who came early has his own';
    my ($new) = grep { $_->{shared} } map { look("new$_", 'small')->{small} } 1 .. 50;
    ok $new && !$new->{known}, 'a new one shares';
    is $new->{remaining}, 0, 'what is spent';
    my $before = left('k1', 'small');
    look("never$_", 'small') for 1 .. 100;
    is left('k1', 'small'), $before, 'looks take no room';
    is_deeply reset_it('never1', 'small'), {small => false},
        'what is shared is not filled';
    done_testing;
};

subtest 'how it is asked for' => sub {
    my $code = sub ($method, $query, %h) {
        my $res = ask($method, $query, %h);
        return join ' ', $res->code, $res->json->{code} // '', $res->json->{parameter} // '';
    };
    is $code->(GET => ''), '400 invalid_parameter key';
    is $code->(GET => '?zone=plain'), '400 invalid_parameter key';
    is $code->(GET => '?key=x&zone=none'), '400 invalid_parameter zone';
    is $code->(GET => '?key=x&key=y'), '400 invalid_parameter key';
    is $code->(GET => '?key=x&x=1'), '400 unknown_parameter x';
    is $code->(GET => '?key=%00'), '400 invalid_parameter ' . 'key';
    is $code->(GET => '?key=%ff'), '400 invalid_parameter key';
    is $code->(GET => '?key=' . 'x' x 1025), '400 invalid_parameter key';
    is $code->(POST => '?key=x'), '405 method_not_allowed ';
    is $code->(DELETE => '?key=x', Origin => 'https://evil.example'),
        '403 origin_not_allowed ';
    is $code->(DELETE => '?key=x', 'Content-Type' => 'text/plain'),
        '415 unsupported_media_type ';
    is $t->get('/api/admin/limits?key=x')->code, 401;
    is $t->request(HEAD => '/api/admin/limits?key=x', undef, $t->admin_headers)->code, 200;
    is $t->admin('/api/admin/limits/x?key=x')->code, 404;
    done_testing;
};

subtest 'what remains of a key' => sub {
    reset_it('ada.secret.key@example.com', 'arg');
    look('ada.secret.key@example.com');
    ask(GET => '?zone=arg&k%65y=ada.secret.key');
    ask(GET => '?key=ada.secret.key;x=1&zone=none');
    my @told = map { decode_json $_->[0] } $t->db->selectall_arrayref(q{SELECT body
        FROM tavus.events WHERE event_type = 'admin.limits_reset'
        ORDER BY received_at, id})->@*;
    my $last = $told[-1];
    is_deeply [$last->{user}, $last->{object}{zone}], ['admin', 'arg'], 'who did it';
    like $last->{object}{hash}, qr/^[0-9a-f]{16}\z/, 'a hash of whose';
    unlike encode_json(\@told), qr/ada\.|192\.0\.2\./, 'and no key';
    wait_ok { (slurp($t->dir . '/seen.log') // '') =~ /k%65y=\*/ } 'logged';
    unlike slurp($t->dir . '/seen.log'), qr/secret/, 'in no access log';

    # who is refused before it is looked at
    my $from = '203.0.113.77';
    for my $path ('limits?key=KEY', 'leads?k%65y=x&%71=KEY', 'leads?email=KEY', 'visitors/KEY',
        './v%69sitors/KEY?kind=user', 'visitors/KEY?kind=user&q=KEY')
    {
        my $url = "/api/admin/$path" =~ s/KEY/ada.secret.key/gr;
        my %wrong = (Authorization => 'Basic eDp5', 'X-Forwarded-For' => $from);
        wait_ok { $t->get($url, {%wrong})->code == 429 } "too many: $path";
        is reset_it($from, 'tavus_admin_logins')->{tavus_admin_logins}, true;
        is $t->get($url, {%wrong})->code, 401, 'a wrong password';
        is $t->get($url)->code, 401, 'none';
        is $t->request(DELETE => $url, undef, {%json, Origin => 'https://evil.example'})->code, 403,
            'a foreign origin' if $path =~ /^(?:limits|visitors.KEY\z)/;
        is $t->request(DELETE => $url, 'x' x 2_000_000, {%json})->code, 413, 'too much';
        ok $t->admin($url)->code =~ /^(?:200|40[04])\z/, 'let in';
    }
    wait_ok { (slurp($t->dir . '/seen.log') // '') =~ m{visitors/\*+\?kind=user&q=\*} } 'logged';
    unlike slurp($t->dir . '/seen.log'), qr/secret/, 'in no access log';
    unlike $t->error_log, qr/secret/, 'nor in the error log';
    like $t->error_log, qr{wrong user or password.*limits\?key=\*}, 'which has all else';
    is $t->get('/other?q=kept')->body, 'q=kept', 'of others nothing is hidden';

    my $node = ask(GET => '?key=x')->json->{node};
    ok $node, 'of a node';
    wait_ok { $t->db->selectrow_array('SELECT 1 FROM tavus.nodes WHERE name = ?', {}, $node) }
        'which is this one';
    done_testing;
};

subtest 'a reload' => sub {
    spend('/plain', '192.0.2.50', 2);
    $t->reload(drained => 1);
    is left('192.0.2.50', 'plain'), 3, 'the bucket is still there';
    is_deeply reset_it('192.0.2.50', 'plain'), {plain => true};
    done_testing;
};

done_testing;
