#!/usr/bin/perl

# Bodies of all sizes and ways to come, up to 8 MiB.

use lib 't/lib';
use Tavus::Test;
use Digest::SHA qw(sha256_hex);
use Mojo::Util qw(b64_decode);

my $MAX = 8 << 20;

my $t = Tavus::Test->new(
    # what is large may take its time on a busy machine
    http => {tavus_store_timeout => '20s'},
    locations => {
        '= /small' => 'client_max_body_size 8m; client_body_buffer_size 1k; '
            . 'tavus_webhook tavus;',
        '= /file' => 'client_max_body_size 8m; '
            . 'client_body_in_file_only clean; tavus_webhook tavus;',
        '= /wide' => 'client_max_body_size 0; tavus_webhook tavus;',
        '= /narrow' => 'client_max_body_size 1k; '
            . 'error_page 413 /.problem; tavus_webhook tavus;',
    },
)->start;
my $secret = $t->webhook_secret;

sub sha ($id) {
    return $t->db->selectrow_array(
        q{SELECT encode(sha256(body), 'hex') FROM tavus.events
           WHERE conversation_id = ?}, {}, $id);
}

# a transcript of exactly so many bytes
sub transcript ($id, $size) {
    my $body = tavus_event('application.transcription_ready', $id,
        {transcript => [{role => 'user', content => 'X'}]});
    my $words = join ' ', map { sprintf '%07x', $_ * 2654435761 % 2**28 }
        1 .. $size / 8 + 1;
    $body =~ s/"X"/'"' . substr($words, 0, $size - length($body) + 1) . '"'/e;
    length $body == $size or die;
    return $body;
}

sub head ($path, $body, @more) {
    my %h = sign_header($secret, $body);
    return "POST $path HTTP/1.1\r\nHost: x\r\n"
        . join('', map { "$_: $h{$_}\r\n" } keys %h)
        . join('', map { "$_\r\n" } @more) . "\r\n";
}

sub problem ($res, $name) {
    is $res->{status}, 413, $name;
    is $res->{headers}{'content-type'}, 'application/problem+json',
        "$name: type";
    my $json = Mojo::JSON::decode_json($res->{body});
    is $json->{code}, 'body_too_large', "$name: code";
    is $json->{status}, 413;
    is $json->{request_id}, $res->{headers}{'x-request-id'},
        "$name: request id";
}

subtest 'none' => sub {
    for my $more ([], ['Content-Length: 0'],
        ['Transfer-Encoding: chunked'])
    {
        my $s = $t->socket;
        $s->send(head('/api/tavus/webhook', '', @$more));
        $s->send("0\r\n\r\n") if ($more->[0] // '') =~ /chunked/;
        is $s->response->{status}, 200, $more->[0] // 'no Content-Length';
    }
    is_deeply $t->db->selectall_arrayref(
        'SELECT reason, length(body) FROM tavus.quarantine'), [['empty', 0]],
        'quarantined';

    my $res = $t->webhook('', unsigned => 1);
    is $res->code, 401, 'and not authentic is not authentic';
    done_testing;
};

subtest 'chunked' => sub {
    my $n = 0;
    for my $size (1, 7, 100, 5000) {
        my $id = 'c-chunk-' . $n++;
        my $body = transcript($id, 20_000);
        my $s = $t->socket;
        $s->send(head('/api/tavus/webhook', $body,
            'Transfer-Encoding: chunked'));
        $s->chunked(unpack "(a$size)*", $body);
        is $s->response->{status}, 200, "of $size";
        is sha($id), sha256_hex($body), "of $size: whole";
    }
    done_testing;
};

subtest 'packets' => sub {
    my $body = tavus_event('system.shutdown', 'c-packets');
    my $s = $t->socket;
    ok $s->dribble(head('/api/tavus/webhook', $body,
        'Content-Length: ' . length $body) . $body, size => 9);
    is $s->response->{status}, 200, 'with the header';
    is sha('c-packets'), sha256_hex($body);

    $body = transcript('c-pieces', 300_000);
    $s = $t->socket;
    $s->send(head('/api/tavus/webhook', $body,
        'Content-Length: ' . length $body));
    $s->send(unpack '(a1777)*', $body);
    is $s->response->{status}, 200;
    is sha('c-pieces'), sha256_hex($body);
    done_testing;
};

subtest 'files' => sub {
    for my $path (qw(/small /file)) {
        for my $size (1000, 1024, 1025, 40_000, 2_000_000) {
            my $id = "c$path-$size";
            my $body = transcript($id, $size);
            is $t->post($path, $body, {sign_header($secret, $body)})->code,
                200, "$path: $size";
            is sha($id), sha256_hex($body), "$path: $size: whole";
        }

        # a token of the body's own is masked in what comes from a file, too
        my $token = sign_token($secret);
        my $body = transcript("c-mask-$path", 5000)
            =~ s/\}\z/,"u":"?token=$token"}/r;
        is $t->post("$path?token=$token", $body)->code, 200;
        is sha("c-mask-$path"), sha256_hex(
            $body =~ s/\Q$token\E/'*' x length $token/er), "$path: masked";
    }

    my $body = sign_in_body($secret, transcript('c-file-member', 50_000));
    is $t->post('/small', $body)->code, 200, 'signed in the body';
    is sha('c-file-member'), sha256_hex($body);

    opendir my $dir, $t->dir . '/tmp/body';
    is scalar(grep { !/^\./ } readdir $dir), 0, 'no file stays';
    done_testing;
};

subtest 'large' => sub {
    my $body = transcript('c-seven', 7 << 20);
    is $t->webhook($body)->code, 200, '7 MiB';
    is sha('c-seven'), sha256_hex($body), 'whole';

    my ($id) = $t->db->selectrow_array(q{SELECT id FROM tavus.events
        WHERE conversation_id = 'c-seven'});
    my $json = $t->admin_large("/api/admin/events/$id")->json;
    is sha256_hex(b64_decode($json->{raw})), sha256_hex($body),
        'and whole to the admin';
    is $json->{verification}{method}, 'signature';

    # as hard to store as can be
    $body = tavus_event('system.shutdown', 'c-long-reason',
        {shutdown_reason => ' reached' x 900_000});
    is $t->webhook($body)->code, 200, 'a reason of 7 MB';
    is sha('c-long-reason'), sha256_hex($body);

    $body = transcript('c-nested', 400) =~ s/\}\z//r . ',"x":['
        . join(',', ('{"a":[[]]}') x 600_000) . ']}';
    is $t->webhook($body)->code, 200, 'a million values';
    is sha('c-nested'), sha256_hex($body);

    # one after the other over one connection, the buffers are used again
    for my $n (1 .. 3) {
        $body = transcript("c-row-$n", 3_000_000 + $n);
        is $t->webhook($body)->code, 200;
        is sha("c-row-$n"), sha256_hex($body);
    }
    done_testing;
};

subtest 'the limit' => sub {
    my $body = transcript('c-max', $MAX);
    is $t->webhook($body)->code, 200, 'exactly 8 MiB';
    is sha('c-max'), sha256_hex($body);

    for my $path ('/api/tavus/webhook', '/wide') {
        my $s = $t->socket;
        $s->send(head($path, '', 'Content-Length: ' . ($MAX + 1)));
        problem($s->response, "$path: Content-Length");
    }

    $body = transcript('c-over', $MAX + 1);
    for my $path ('/api/tavus/webhook', '/wide') {
        my $s = $t->socket;
        $s->send(head($path, $body, 'Transfer-Encoding: chunked'));
        $s->send(map { sprintf "%x\r\n%s\r\n", length, $_ }
            unpack '(a1048576)*', $body);
        $s->send("0\r\n\r\n");
        problem($s->response, "$path: chunked");
    }
    is sha('c-over'), undef, 'not stored';

    $body = transcript('c-narrow', 1025);
    my $s = $t->socket;
    $s->send(head('/narrow', $body, 'Content-Length: 1025') . $body);
    problem($s->response, '1k: Content-Length');
    $s = $t->socket;
    $s->send(head('/narrow', $body, 'Transfer-Encoding: chunked'));
    $s->chunked($body);
    problem($s->response, '1k: chunked');
    is sha('c-narrow'), undef;
    wait_ok { $t->grep_log(qr/"client_max_body_size" is under 8m/) }
        'nginx warned';

    # it is refused before it is asked for
    $s = $t->socket;
    $s->send(head('/wide', '', 'Content-Length: ' . ($MAX + 1),
        'Expect: 100-continue'));
    like $s->read_until(qr/\r\n\r\n/), qr/^HTTP\/1\.1 413 /;
    done_testing;
};

subtest 'pipelined' => sub {
    my @body = map { transcript("c-pipe-$_", 2000) } 1 .. 5;
    my $s = $t->socket;
    $s->send(join '', map {
        head('/api/tavus/webhook', $_, 'Content-Length: ' . length) . $_
    } @body);
    is $s->response->{status}, 200 for @body;
    is sha("c-pipe-$_"), sha256_hex($body[$_ - 1]) for 1 .. @body;

    # what is refused does not spoil the next
    $s = $t->socket;
    for my $round (1 .. 2) {
        my $bad = transcript('c-bad', 100_000);
        $s->send("POST /api/tavus/webhook?token=x HTTP/1.1\r\nHost: x\r\n"
            . "Content-Length: 100000\r\n\r\n$bad");
        is $s->response->{status}, 401;
        my $good = transcript("c-after-$round", 1000);
        $s->send(head('/api/tavus/webhook', $good, 'Content-Length: 1000')
            . $good);
        is $s->response->{status}, 200;
        is sha("c-after-$round"), sha256_hex($good);
    }
    is sha('c-bad'), undef;
    done_testing;
};

done_testing;
