#!/usr/bin/perl

# What the logs say of a webhook, and what they never say: its token.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(free_port slurp);

my $h2 = free_port();
my $t = Tavus::Test->new(
    http_extra => q{
    log_format all '$request_method $uri|$request|$request_uri|$args|'
                   '$query_string|$arg_token|$is_args|$document_uri|'
                   '$http_referer';
    log_format vars escape=json '{"type":"$tavus_event_type",'
        '"id":"$tavus_conversation_id","verify":"$tavus_verify",'
        '"key":"$tavus_key_id","store":"$tavus_store",'
        '"time":"$tavus_store_time","status":"$status"}';
    log_format vars_plain '$status type=$tavus_event_type '
        'id=$tavus_conversation_id end';
},
    server => "listen 127.0.0.1:$h2 http2; "
        . 'access_log %%DIR%%/access.log; access_log %%DIR%%/all.log all; '
        . 'access_log %%DIR%%/vars.log vars; '
        . 'access_log %%DIR%%/plain.log vars_plain;',
    locations => {
        '= /teapot' => 'return 418;',
        '= /proxied' => 'proxy_pass %%SANDBOX%%/nowhere;',
        '= /dead' => 'proxy_pass http://127.0.0.1:1;',
        '= /moved' => 'rewrite ^ /api/tavus/webhook last;',
    },
)->start;
my $secret = $t->webhook_secret;

sub lines ($name) { return split /\n/, slurp($t->dir . "/$name.log") }

subtest 'variables' => sub {
    my $n = 0;
    my $is = sub ($name, %want) {
        $n++;
        wait_for { lines('vars') >= $n } 5;
        my $got = Mojo::JSON::decode_json((lines('vars'))[-1]);
        $want{$_} //= '' for qw(type id verify key store status);
        my $time = delete $got->{time};
        is_deeply $got, \%want, $name;
        # only who is authentic gets as far as the database
        like $time, $want{key} ? qr/^\d+\.\d{3}\z/ : qr/^\z/, "$name: time";
    };

    $t->webhook(tavus_event('system.shutdown', 'c1'));
    $is->('signed', type => 'system.shutdown', id => 'c1',
        verify => 'signature', key => 'k1', store => 'pg', status => 200);

    my $token = sign_token($secret);
    $t->webhook(tavus_event('x.y', 'c2'), token => $token);
    $is->('token', type => 'x.y', id => 'c2', verify => 'token', key => 'k1',
        store => 'pg', status => 200);

    my $body = tavus_event('x.z', 'c2');
    $t->webhook($body, token => $token, sign_header($secret, $body));
    $is->('both', type => 'x.z', id => 'c2', verify => 'token+signature',
        key => 'k1', store => 'pg', status => 200);

    $t->webhook('[');
    $is->('unfit', type => 'unknown', verify => 'signature', key => 'k1',
        store => 'pg', status => 200);

    $t->webhook(tavus_event('x.y', 'c3'), unsigned => 1);
    $is->('missing', verify => 'missing', status => 401);

    $t->webhook(tavus_event('x.y', 'c3'), unsigned => 1,
        'X-Tavus-Signature' => '0' x 64);
    $is->('forged', verify => 'mismatch', status => 401);

    $t->webhook(tavus_event('x.y', 'c3'), unsigned => 1,
        'X-Tavus-Signature' => '0');
    $is->('malformed', verify => 'malformed', status => 401);

    $t->webhook('{}', token => sign_token($secret, expiry => 1));
    $is->('expired', verify => 'expired', status => 401);

    $t->webhook('{}', token => sign_token($secret, id => 'k9'));
    $is->('unknown key', verify => 'unknown_key', status => 401);

    $t->webhook(tavus_event('x.y', 'c4'), token => $token);
    $is->('of another conversation', type => 'x.y', id => 'c4',
        verify => 'mismatch', key => 'k1', status => 401);

    $t->get('/');
    $is->('a file', status => 200);
    done_testing;
};

# an authentic event may hold anything
subtest 'one line each' => sub {
    my $before = lines('plain');
    $t->webhook(Mojo::JSON::encode_json(
        {event_type => "a\nb\"c\x1b[1m", conversation_id => "d\r\ne"}));
    wait_for { lines('plain') > $before } 5;
    my @new = (lines('plain'))[$before .. lines('plain') - 1];
    is scalar @new, 1;
    like $new[0], qr/^200 type=a\\x0Ab\\x22c\\x1B\[1m id=d\\x0D\\x0Ae end\z/;
    done_testing;
};

# A log of everything, and each MAC that was on its way: not half of one may be
# in it.
my @sent;

sub token (%in) {
    my $token = sign_token($secret, %in);
    push @sent, $token;
    return $token;
}

sub leaks {
    my $macs = join '|', map { substr $_, -64, 32 } @sent;
    return map { my $log = $_; map { "$log: $_" } grep { /$macs/ } lines($log) }
        qw(error access all vars plain);
}

subtest 'no token' => sub {
    my $body = tavus_event('x.y', 'c5');
    my $lines = lines('all');

    my $post = sub ($path, $bytes = tavus_event('x.y', 'c' . @sent), @more) {
        $lines++;
        return $t->post($path, $bytes, @more)->code;
    };

    my $url = '/api/tavus/webhook';
    is $post->("$url?token=" . token()), 200, 'good';
    is $post->("$url?a=b&token=" . token() . '&c=d'), 200, 'among others';
    is $post->("$url?token=" . token(id => 'k9')), 401, 'bad';
    is $post->("$url?token=" . token() . '&token=' . token()), 200, 'two';
    is $post->("$url?token=x&token=" . token()), 401, 'the second';
    is $post->("$url?token=&token=" . token()), 401, 'after an empty one';
    is $post->("$url?token=" . token() . 'x' x 200), 401, 'a long tail';
    is $post->("$url?token=" . token() . '.x'), 401, 'another tail';
    is $post->("$url?token=" . token() . '%20'), 401, 'a blank';
    is $post->("$url?token=" . substr(token(), 0, -1)), 401, 'cut';
    is $post->("$url?token=" . token(), 'x' x (8 << 20 | 1)), 413, 'too large';
    is $t->get("$url?token=" . token())->code, 405, 'GET';
    is $t->get('/nowhere?token=' . token())->code, 404;
    is $t->get('/teapot?token=' . token())->code, 418;
    is $t->get('/dead?token=' . token())->code, 502;
    is $post->('/moved?token=' . token()), 200, 'rewritten';

    my $s = $t->socket;
    $s->send('POST ' . $t->url($url) . '?token=' . token() . " HTTP/1.1\r\n"
        . "Host: x\r\nContent-Length: 2\r\n\r\n[]");
    is $s->response->{status}, 200, 'absolute';
    $lines += 4;

    wait_ok { lines('all') >= $lines } 'logged';
    is_deeply [leaks()], [];
    like((lines('all'))[-1], qr/\*{100}/, 'masked');
    done_testing;
};

subtest 'no token over HTTP/2' => sub {
    my $before = lines('all');
    my $curl = sub ($query, @more) {
        # curl 7.88 takes an answer before the end of its body for a fault:
        # where one is refused, it sends none
        open my $fh, '-|', 'curl', '-s', '--http2-prior-knowledge', '-w',
            '%{http_version} %{http_code}', '-o', '/dev/null', '-d', '', @more,
            "http://127.0.0.1:$h2/api/tavus/webhook?$query" or die;
        return scalar <$fh>;
    };
    is $curl->('token=' . token(), '-d', tavus_event('x.y', 'c-h2')),
        '2 200', 'good';
    is $curl->('token=' . token(id => 'k9')), '2 401', 'bad';
    is $curl->('token=x&token=' . token()), '2 401', 'the second';
    is $curl->('token=' . token(), '-X', 'PUT'), '2 405', 'PUT';
    wait_ok { lines('all') >= $before + 4 } 'logged';
    is_deeply [leaks()], [];
    done_testing;
};

# the client goes away, or says what is not HTTP
subtest 'no token of a broken request' => sub {
    my $before = lines('access');
    my $line = sub { 'POST /api/tavus/webhook?token=' . token() . ' HTTP/1.1' };

    my $s = $t->socket;
    $s->send($line->() . "\r\nHost: x\r\n");
    $s->close;

    my %want = (
        'no Host' => ["\r\n\r\n", 400],
        'a bad Host' => ["\r\nHost: a b\r\n\r\n", 400],
        'two lengths' => ["\r\nHost: x\r\nContent-Length: 1\r\n"
            . "Content-Length: 2\r\n\r\n", 400],
        'a large header' => ["\r\nHost: x\r\nX: " . 'x' x 40_000 . "\r\n\r\n",
            400],
    );
    for my $name (sort keys %want) {
        $s = $t->socket;
        $s->send($line->() . $want{$name}[0]);
        is $s->response->{status}, $want{$name}[1], $name;
        $s->close;
    }
    wait_ok { lines('access') >= $before + 5 } 'logged';

    TODO: {
        local $TODO = 'nginx logs what fails before the first phase as it is';
        is_deeply [leaks()], [];
    }
    done_testing;
};

done_testing;
