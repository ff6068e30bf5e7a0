#!/usr/bin/perl

# The harness itself, without our module.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(alive descendants);
use Digest::SHA qw(hmac_sha256_hex);

my $t = Tavus::Test->new(
    module => 0,
    locations => {
        '= /echo' => 'proxy_pass %%SANDBOX%%/v2/conversations;',
        '= /empty' => 'client_max_body_size 1k; empty_gif;',
        '= /private' => 'deny all;',
    },
)->start;

subtest 'nginx' => sub {
    my $res = $t->get('/');
    is $res->code, 200;
    like $res->body, qr/<title>test/;
    is $t->get('/private')->code, 403;

    $t->file('page.txt', "text\n");
    is $t->get('/page.txt')->body, "text\n";

    my ($exit, $out) = $t->nginx_t;
    is $exit, 0, 'nginx -t';
    ($exit, $out) = $t->nginx_t(http => {no_such_directive => 'x'});
    is $exit, 1, 'refuses';
    like $out, qr/\[emerg\].*unknown directive "no_such_directive" in \S+:\d+/;

    my ($old) = $t->workers;
    $t->configure(locations => {'= /new' => 'empty_gif;'})
        ->reload(drained => 1);
    isnt +($t->workers)[0], $old, 'reloaded';
    is $t->get('/new')->code, 200;
    is $t->get('/empty')->code, 200, 'what was there stays';

    my $killed = $t->kill_worker;
    ok !grep({ $_ == $killed } $t->workers), 'a worker was killed';
    is $t->get('/')->code, 200;
    wait_ok { $t->grep_log(qr/exited on signal 9/) } 'the log says so';

    done_testing;
};

subtest 'sockets' => sub {
    my $s = $t->socket;
    ok $s->dribble("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n", size => 5);
    my $res = $s->response;
    is $res->{status}, 200;
    is length $res->{body}, $res->{headers}{'content-length'};

    $s->send('GET /', ' HTTP/1.1', "\r\nHost: x\r\nConnection: close\r\n\r\n");
    is $s->response->{status}, 200, 'keep-alive';
    $s->read_until(qr/(?!)/);
    ok $s->eof;

    $s = $t->socket;
    $s->send("POST /empty HTTP/1.1\r\nHost: x\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");
    $s->chunked('a', 'b' x 100);
    is $s->response->{status}, 405;

    $s = $t->socket;
    $s->send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    $s->abort;
    is $t->get('/')->code, 200, 'after an abort';
    done_testing;
};

subtest 'PostgreSQL' => sub {
    my $db = $t->db;
    ok $db->selectrow_array(
        q{SELECT count(*) FROM pg_namespace WHERE nspname = 'tavus'}),
        'install.sql was applied';
    is $t->pg->connect(user => 'tavus_app')->selectrow_array(
        'SELECT current_user'), 'tavus_app';

    $db->do('CREATE TABLE public.kept (n int)');
    $db->do('INSERT INTO public.kept VALUES (1)');
    $t->pg->restart;
    is $t->db->selectrow_array('SELECT n FROM public.kept'), 1, 'restart';

    my $other = $t->pg->connect;
    $t->pg->freeze;
    $other->do('SELECT 1', {pg_async => 1});
    wait_for { $other->pg_ready } 0.3;
    ok !$other->pg_ready, 'frozen';
    $t->pg->thaw;
    wait_ok { $other->pg_ready } 'thawed';
    $other->pg_result;

    $t->pg->kill;
    $t->pg->start;
    is $t->db->selectrow_array('SELECT n FROM public.kept'), 1, 'killed';

    my $second = Tavus::Test::Pg->new(fsync => 1);
    is $second->db->selectrow_array('SHOW fsync'), 'on';
    ok !$second->db->selectrow_array(
        q{SELECT to_regclass('public.kept') IS NOT NULL}), 'of its own';
    done_testing;
};

subtest 'the sandbox' => sub {
    my $s = $t->sandbox;
    my %key = ('x-api-key' => $s->api_key,
        'Content-Type' => 'application/json');

    my $res = $t->post('/echo', {persona_id => 'p1', callback_url =>
        $t->url('/hook?token=t.o.k.en')}, {%key});
    is $res->code, 200;
    is $s->token, 't.o.k.en';
    is scalar $s->calls('/v2/'), 1;

    $s->fault(kind => 'status', status => 500, times => 1);
    is $t->post('/echo', {persona_id => 'p1'}, {%key})->code, 500;
    is $t->post('/echo', {persona_id => 'p1'}, {%key})->code, 200;

    my $entry = $s->callback(url => $t->url('/private'), body => {a => 1});
    is $entry->{status}, 403;

    $s->stop;
    is $t->post('/echo', {persona_id => 'p1'}, {%key})->code, 502, 'stopped';
    $s->start;
    is $t->post('/echo', {persona_id => 'p1'}, {%key})->code, 200, 'started';
    done_testing;
};

subtest 'signatures' => sub {
    my $body = tavus_event('system.shutdown', 'c1', {shutdown_reason => 'x'});
    my %h = sign_header('secret', $body);
    is $h{'X-Tavus-Signature'}, 'sha256=' . hmac_sha256_hex($body, 'secret');

    my $signed = sign_in_body('secret', '{"a":1}');
    is $signed, '{"a":1,"signature":"' . hmac_sha256_hex('{"a":1}', 'secret')
        . '"}';

    # the example of the specification's own libraries
    %h = sign_standard('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
        'msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}', 1614265330);
    is $h{'webhook-signature'},
        'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

    %h = sign_stripe('whsec_x', '{}', 12);
    is $h{'Stripe-Signature'}, 't=12,v1=' . hmac_sha256_hex('12.{}', 'whsec_x');
    isnt now_iso(), now_iso();
    done_testing;
};

# Workers stay when their master is killed.
subtest 'a dead master' => sub {
    my $other = Tavus::Test->new(module => 0)->start;
    my @workers = $other->workers;
    $other->signal('KILL');
    wait_ok { !alive($other->pid) } 'killed';
    is scalar(grep { alive($_) } @workers), 1, 'its worker lives on';
    ok !$other->stop, 'that is not a good end';
    wait_ok { !grep { alive($_) } @workers } 'but an end';

    $other->start;
    @workers = $other->workers;
    $other->crash;
    is scalar(grep { alive($_) } @workers), 0, 'crash() takes them all';
    $other->allow_alerts(qr/./);
    done_testing;
};

# What a test that is killed leaves behind.
subtest 'nothing stays' => sub {
    pipe my $in, my $out or die;
    my $pid = fork // die;
    if (!$pid) {
        close $in;
        # what was inherited is the other process's
        my $pg = Tavus::Test::Pg->new;
        my $box = Tavus::Test::Sandbox->new;
        syswrite $out, join(' ', $pg->dir, $pg->pid, $box->pid) . "\n";
        sleep 60;
    }
    close $out;
    my ($dir, @pids) = split ' ', <$in> // '';
    ok -d $dir, 'there';
    push @pids, map { descendants($_) } @pids;
    ok @pids > 3;
    kill KILL => $pid;
    waitpid $pid, 0;
    wait_ok { !grep { alive($_) } @pids } 'no process';
    wait_ok { !-d $dir } 'no folder';
    is $t->get('/')->code, 200, 'and nothing of ours was touched';
    done_testing;
};

done_testing;
