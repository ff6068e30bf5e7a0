#!/usr/bin/perl

# What comes in is counted, whichever worker takes it in and whatever becomes of
# that worker.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Metrics;

my $t = Tavus::Test->new(workers => 2, sandbox => 0,
    http => {tavus_store_timeout => '500ms'},
    locations => {'= /metrics' => 'tavus_metrics;',
        '= /worker' => 'access_log %%DIR%%/pid.log pid; tavus_health;'},
    http_extra => "log_format pid '\$pid \$uri';\n"
        . 'access_log %%DIR%%/pid.log pid;')->start;
my $secret = $t->webhook_secret;
wait_ok { 2 == (() = $t->workers) } 'two workers';

# each over a connection of its own, until both workers have had their share
my ($sent, %pid) = (0);
wait_ok {
    my $s = $t->socket->send(webhook_bytes($t,
        tavus_event('x.y', 'c' . $sent)));
    my $status = ($s->response || {})->{status} // 0;
    $s->close;
    $sent++ if $status == 200;
    %pid = map { /^(\d+) \S+webhook/ ? ($1 => 1) : () } split /\n/,
        Tavus::Test::Process::slurp($t->dir . '/pid.log') // '';
    $sent >= 20 && keys %pid == 2;
} 'both take webhooks', 30;

my $events = sub ($m, $source, $outcome) {
    return $m->('tavus_events_total', source => $source, outcome => $outcome);
};
my $verified = sub ($m, $scheme, $result) {
    return $m->('tavus_verifications_total', scheme => $scheme,
        result => $result);
};

my $m = metrics($t);
is $events->($m, 'tavus', 'stored'), $sent, 'the sum of both';
is $verified->($m, 'tavus', 'ok'), $sent, 'all verified';
is $m->('tavus_wait_seconds_count', source => 'tavus'), $sent,
    'and each has waited';
is $m->('tavus_wait_seconds_bucket', source => 'tavus', le => '+Inf'), $sent;
is $m->('tavus_workers'), 2, 'two workers';

subtest 'what becomes of an event' => sub {
    my $twice = tavus_event('x.y', 'twice');
    is $t->webhook($twice)->code, 200 for 1, 2;
    is $t->webhook('[')->code, 200, 'unfit';
    my $token = sign_token($secret);
    is $t->webhook(tavus_event('x.y', 'd1'), token => $token)->code, 200;
    is $t->webhook(tavus_event('x.y', 'd2'), token => $token)->code, 401;
    is $t->post('/api/track', {events => [map { {name => 'a',
        properties => {session_id => 's', n => $_}} } 1 .. 3]})->code, 202;
    is $t->post('/api/contact', {name => 'Ann', email => 'a@example.com',
        message => 'A message.'})->code, 200;

    my $now = metrics($t);
    my $new = sub { $events->($now, @_) - $events->($m, @_) };
    is $new->('tavus', 'stored'), 2, 'stored';
    is $new->('tavus', 'duplicate'), 1, 'duplicate';
    is $new->('tavus', 'quarantined'), 1, 'quarantined';
    is $new->('tavus', 'foreign'), 1, 'of another conversation';
    is $new->('browser', 'stored'), 4, 'tracked, and a contact';
    is $new->('stripe', 'stored'), 0;
    my $waited = sub ($source) { my @of = ('tavus_wait_seconds_count',
        source => $source); return $now->(@of) - $m->(@of) };
    is $waited->('tavus'), 5, 'webhooks wait';
    is $waited->('browser'), 2, 'requests do, not events';
    is $waited->('stripe'), 0;
    done_testing;
};

subtest 'proofs' => sub {
    my $before = metrics($t);
    my $body = tavus_event('x.y', 'c1');
    $t->webhook($body, unsigned => 1);
    $t->webhook($body, unsigned => 1, 'X-Tavus-Signature' => '0' x 64) for 1, 2;
    $t->webhook($body, unsigned => 1, 'X-Tavus-Signature' => '0');
    $t->webhook($body, token => sign_token($secret, expiry => 1));
    $t->webhook($body, token => sign_token($secret, id => 'k9'));
    is $t->post('/api/track', {conversation_id => 'c1', end_token => 'k1.x',
        events => [{name => 'a', properties => {session_id => 's'}}]})->code,
        401;
    my $now = metrics($t);
    my %want = (missing => 1, mismatch => 2, malformed => 1, expired => 1,
        unknown_key => 1, ok => 0, error => 0);
    is $verified->($now, 'tavus', $_) - $verified->($before, 'tavus', $_),
        $want{$_}, $_ for sort keys %want;
    is $verified->($now, 'end_token', 'malformed'), 1, 'an end token';
    is $events->($now, 'tavus', 'stored'), $events->($before, 'tavus', 'stored'),
        'none of them is an event';
    done_testing;
};

subtest 'without the database' => sub {
    my $before = metrics($t);
    $t->pg->stop;
    is $t->webhook(tavus_event('x.y', 'c-away'))->code, 503;
    is $t->post('/api/track', {events => [map { {name => 'a',
        properties => {session_id => 's', n => $_}} } 1 .. 2]})->code, 503;
    my $now = metrics($t);
    is $events->($now, $_, 'unavailable') - $events->($before, $_, 'unavailable'),
        $_ eq 'tavus' ? 1 : 2, $_ for qw(tavus browser);
    $t->pg->start;
    wait_ok { $t->webhook(tavus_event('x.y', 'c-back'))->code == 200 } 'back',
        15;
    done_testing;
};

# counters go on; who is gone is no worker any more
subtest 'reload and kill' => sub {
    my @same = (['tavus_events_total', source => 'tavus', outcome => 'stored'],
        ['tavus_verifications_total', scheme => 'tavus', result => 'mismatch'],
        ['tavus_wait_seconds_count', source => 'tavus']);
    my $of = sub ($from) { return [map { $from->(@$_) } @same] };
    my $before = metrics($t);

    $t->reload(drained => 1);
    my $now = metrics($t);
    is_deeply $of->($now), $of->($before), 'after a reload';
    is $now->('tavus_workers'), 2;

    $t->kill_worker for 1, 2;
    wait_ok { eval { $t->get('/healthz')->code } } 'there again';
    wait_ok { metrics($t)->('tavus_workers') == 2 } 'two again';
    is_deeply $of->(metrics($t)), $of->($before), 'after a kill';

    $t->{nginx}{workers} = 1;
    $t->configure->reload(drained => 1);
    is metrics($t)->('tavus_workers'), 1, 'one worker';
    is_deeply $of->(metrics($t)), $of->($before), 'counts what two have';
    done_testing;
};

done_testing;
