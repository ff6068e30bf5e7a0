#!/usr/bin/perl

# Acknowledged is durable: without the database a webhook is answered 503, and
# 200 only for what is in it.

use lib 't/lib';
use Tavus::Test;
use Mojo::Promise;
use Time::HiRes qw(time);

my $t = Tavus::Test->new(workers => 2)->start;
my $secret = $t->webhook_secret;
my (%acknowledged, $n);

sub stored ($id) {
    return $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id = ?}, {}, $id);
}

sub unavailable ($name) {
    my $start = time;
    my $res = $t->webhook(tavus_event('system.shutdown', 'c-unavailable'));
    my $took = time - $start;
    is $res->code, 503, $name;
    is $res->headers->header('Retry-After'), 5, "$name: Retry-After";
    my $json = $res->json;
    is $json->{code}, 'storage_unavailable';
    is $json->{retry_after}, 5;
    unlike $res->body, qr/postgres|connect|sock|socket/i,
        "$name: nothing of the inside";
    # about a second; a machine that is busy may take its time
    ok $took < 6, "$name: soon" or diag $took;
}

# many at once; their codes
sub many ($count) {
    my %code;
    my @all = map {
        my $id = 'c-many-' . ++$n;
        my $body = tavus_event('system.shutdown', $id);
        $t->ua->post_p($t->url('/api/tavus/webhook'),
            {sign_header($secret, $body), Connection => 'close'}, $body)
            ->then(sub ($tx) {
                $code{$tx->res->code}++;
                $acknowledged{$id} = 1 if $tx->res->code == 200;
            });
    } 1 .. $count;
    Mojo::Promise->all(@all)->wait;
    return \%code;
}

# what was acknowledged is there
sub nothing_lost ($name) {
    my %there = map { $_ => 1 } $t->db->selectcol_arrayref(
        'SELECT conversation_id FROM tavus.events')->@*;
    is join(' ', grep { !$there{$_} } sort keys %acknowledged), '', $name;
}

subtest 'stopped' => sub {
    is_deeply many(10), {200 => 10}, 'before';
    $t->pg->stop;
    unavailable('stopped');
    is_deeply many(20), {503 => 20}, 'all of them';
    is $t->get('/')->code, 200, 'a file';

    $t->pg->start;
    wait_ok { $t->webhook(tavus_event('x.y', 'c-back'))->code == 200 }
        'back without a reload', 15;
    # both workers
    wait_ok { (many(8)->{200} // 0) == 8 } 'both workers', 15;
    ok stored('c-back');
    nothing_lost('nothing was lost');
    done_testing;
};

# from here on quicker to give up
$t->configure(http => {tavus_store_timeout => '300ms'});
$t->reload(drained => 1);

# Killed while they come: whatever was answered 200 is there.
subtest 'killed under load' => sub {
    my @sum;
    for my $round (1, 2) {
        my $pg = $t->pg;
        my $timer = Mojo::IOLoop->timer(0.02 * $round => sub { $pg->kill });
        my $code = many(150);
        Mojo::IOLoop->remove($timer);
        push @sum, map { "$_:$code->{$_}" } sort keys %$code;
        $pg->kill;
        $pg->start;
        wait_for { (many(8)->{200} // 0) == 8 } 15;
    }
    note "@sum";
    unlike "@sum", qr/(?:^|\s)(?!200|503)\d+:/, '200 or 503';
    nothing_lost('nothing was lost');
    done_testing;
};

# It may hold what was not acknowledged, and a sender that tries again stores
# it once.
subtest 'frozen' => sub {
    my $body = tavus_event('system.shutdown', 'c-frozen');
    $t->pg->freeze;
    is $t->webhook($body)->code, 503;
    unavailable('frozen');
    $t->pg->thaw;
    wait_ok { $t->webhook($body)->code == 200 } 'thawed', 15;
    is stored('c-frozen'), 1, 'stored once';
    done_testing;
};

# Memory has a bound: what does not fit is refused at once, the rest is stored.
subtest 'a full buffer' => sub {
    $t->configure(http => {tavus_store_buffer => '200k',
        tavus_store_timeout => '20s'}, workers => 1);
    $t->reload(drained => 1);
    is $t->webhook(tavus_event('x.y', 'c-fits'))->code, 200;

    $t->pg->freeze;
    my %code;
    my @all = map {
        my $body = tavus_event('x.full', "c-full-$_", {a => 'x' x 50_000});
        $t->ua->post_p($t->url('/api/tavus/webhook'),
            {sign_header($secret, $body)}, $body)
            ->then(sub ($tx) { $code{$tx->res->code}++ });
    } 1 .. 20;
    my $thaw = Mojo::IOLoop->recurring(0.02 => sub ($loop) {
        $t->pg->thaw if ($code{503} // 0) >= 10;
    });
    Mojo::Promise->all(@all)->wait;
    Mojo::IOLoop->remove($thaw);
    $t->pg->thaw;

    cmp_ok $code{503}, '>=', 10, 'refused while all others waited';
    cmp_ok $code{200} // 0, '>=', 3, 'as many as fit';
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'x.full'}), $code{200}, 'are stored';

    my $large = tavus_event('x.large', 'c-large', {a => 'x' x 1_000_000});
    is $t->webhook($large)->code, 200, 'one alone may be larger';
    is stored('c-large'), 1;

    $t->configure(http => {tavus_store_buffer => undef,
        tavus_store_timeout => '300ms'});
    $t->reload(drained => 1);
    done_testing;
};

# A lock is no failure of the database, but it must not hold up for ever.
subtest 'locked' => sub {
    my $body = tavus_event('system.shutdown', 'c-locked');
    my $db = $t->pg->connect;
    $db->begin_work;
    $db->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');
    is $t->webhook($body)->code, 503;
    $db->rollback;
    wait_ok { $t->webhook($body)->code == 200 } 'unlocked', 15;
    is stored('c-locked'), 1, 'stored once';
    done_testing;
};

subtest 'refused by the database' => sub {
    my $owner = $t->pg->connect;
    $owner->do('REVOKE EXECUTE ON FUNCTION tavus.record FROM tavus_app');
    unavailable('no right');
    like $t->error_log, qr/\[error\].*database refused 1 events: 42501/;
    $owner->do('GRANT EXECUTE ON FUNCTION tavus.record TO tavus_app');
    is $t->webhook(tavus_event('x.y', 'c-right'))->code, 200;
    is stored('c-right'), 1;
    done_testing;
};

subtest 'a session of ours is ended' => sub {
    is_deeply many(8), {200 => 8};
    ok $t->pg->connect->do(q{SELECT pg_terminate_backend(pid)
        FROM pg_stat_activity WHERE usename = 'tavus_app'});
    wait_ok { (many(8)->{200} // 0) == 8 } 'it comes again', 15;
    nothing_lost('nothing was lost');
    done_testing;
};

subtest 'durable' => sub {
    $t->pg->connect->do(
        'ALTER ROLE tavus_app SET synchronous_commit = off');
    $t->reload(drained => 1);
    wait_for { (many(4)->{200} // 0) == 4 } 15;
    # asked of the session itself: what it does, not what it should
    $t->db->do(q{CREATE OR REPLACE FUNCTION public.spy() RETURNS trigger
        LANGUAGE plpgsql AS $f$ BEGIN
            PERFORM set_config('application_name',
                current_setting('synchronous_commit'), false);
            RETURN NULL;
        END $f$});
    $t->db->do('CREATE TRIGGER spy AFTER INSERT ON tavus.quarantine
        EXECUTE FUNCTION public.spy()');
    is $t->webhook('[')->code, 200;
    is_deeply $t->db->selectcol_arrayref(q{SELECT DISTINCT application_name
        FROM pg_stat_activity WHERE usename = 'tavus_app'
         AND application_name IN ('on', 'off', 'local', 'remote_write')}),
        ['on'], 'synchronous_commit is the session\'s own';
    done_testing;
};

# nginx starts without it, and finds it when it comes
subtest 'absent at the start' => sub {
    $t->stop;
    $t->pg->stop;
    $t->start;
    unavailable('absent');
    is $t->get('/')->code, 200, 'a file';
    $t->pg->start;
    wait_ok { (many(8)->{200} // 0) == 8 } 'there', 15;
    done_testing;
};

done_testing;
