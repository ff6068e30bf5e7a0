#!/usr/bin/perl

# An event's own time may be its id's within 35 days back and a day ahead.  One
# that is inside at one sending and outside at another is stored once, at the
# edges and long after, over several workers and through the journal.

use lib 't/lib';
use Tavus::Test;
use MIME::Base64 qw(encode_base64);
use Mojo::Promise;
use POSIX qw(strftime);
use Time::HiRes qw(time);

my $STANDARD = 'whsec_' . encode_base64('a' x 32, '');
my $STRIPE = 'whsec_of_stripe_0123456789';

my $t = Tavus::Test->new(workers => 2, sandbox => 0,
    http => {tavus_journal => '%%DIR%%/journal'});
$t->configure(locations => {
    map {
        my ($scheme, $secret) = @$_;
        ("= /$scheme" => "tavus_webhook $scheme; tavus_webhook_secret file:"
            . $t->secret($scheme, $secret) . ' id=k;')
    } [stripe => $STRIPE], [standard => $STANDARD],
});
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $DAY = 86400;
my %SCHEME = (
    tavus => sub ($mark, $at) {
        my $iso = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $at);
        my $body = tavus_event('x.y', "c-$mark", {mark => $mark},
            timestamp => $iso);
        return ['/api/tavus/webhook', {sign_header($t->webhook_secret, $body)},
            $body];
    },
    stripe => sub ($mark, $at) {
        my $body = qq({"id":"evt_$mark","type":"x.y","created":$at,)
            . qq("mark":"$mark"});
        return ['/stripe', {sign_stripe($STRIPE, $body)}, $body];
    },
    standard => sub ($mark, $at) {
        my $body = qq({"type":"x.y","timestamp":$at,"mark":"$mark"});
        return ['/standard', {sign_standard($STANDARD, "m-$mark", $body)},
            $body];
    },
);

sub stored ($mark) {
    return $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE position(convert_to(?, 'UTF8') IN body) > 0}, {}, $mark);
}

sub conflicts {
    return $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine');
}

# the edges, two seconds from now
my $SOON = int(time) + 3;
my @TABLE = map {
    my $scheme = $_;
    map { [$scheme, @$_] } ['ahead', $SOON + $DAY], ['old', $SOON - 35 * $DAY];
} sort keys %SCHEME;

subtest 'over the edge' => sub {
    my (%code, @send);
    for (@TABLE) {
        my ($scheme, $name, $at) = @$_;
        push @send, $SCHEME{$scheme}->("$scheme-$name", $at);
    }

    # from before the edge to behind it, on new connections to either worker
    my ($before, $behind) = (0, 0);
    while ($behind < 3) {
        time < $SOON ? $before++ : time > $SOON + 0.1 ? $behind++ : ();
        Mojo::Promise->all(map {
            $t->ua->post_p($t->url($_->[0]), {$_->[1]->%*,
                Connection => 'close'}, $_->[2])
                ->then(sub ($tx) { $code{$tx->res->code}++ })
        } @send)->wait;
    }
    cmp_ok $before, '>', 1, 'some before the edge';
    is join(' ', keys %code), '200', 'all are taken';
    is stored("$_->[0]-$_->[1]"), 1, "$_->[0], $_->[1]: once" for @TABLE;
    is conflicts(), 0;
    done_testing;
};

# what is a day ahead now is not so tomorrow
subtest 'long after' => sub {
    for my $scheme (sort keys %SCHEME) {
        my $mark = "$scheme-tomorrow";
        my ($path, $headers, $body)
            = $SCHEME{$scheme}->($mark, int(time) + 2 * $DAY)->@*;
        is $t->post($path, $body, $headers)->code, 200, $mark for 1, 2;

        # as if two days went by: the same event, with the id of its own time
        is $t->db->selectrow_array(q{SELECT tavus.record(ARRAY[x.id],
            ARRAY[now()], ARRAY[NULL::bytea], ARRAY[0::smallint],
            ARRAY[e.source], ARRAY[e.event_type], ARRAY[e.conversation_id],
            ARRAY[NULL::bytea], ARRAY[e.verification], ARRAY[e.body],
            ARRAY[NULL::text]) FROM tavus.events e
            JOIN tavus.elsewhere x ON x.stored = e.id
            WHERE position(convert_to(?, 'UTF8') IN e.body) > 0}, {}, $mark),
            'd', "$mark: a duplicate";
        is stored($mark), 1, "$mark: once";
    }
    done_testing;
};

subtest 'through the journal' => sub {
    my $at = int(time) + 3 + $DAY;
    my ($path, $headers, $body) = $SCHEME{tavus}->('journal', $at)->@*;
    $t->pg->stop;
    is $t->post($path, $body, $headers)->code, 200, 'journaled';
    cmp_ok time, '<', $at - $DAY, 'before the edge';
    $t->pg->start;
    wait_ok { eval { stored('"journal"') } } 'replayed', 20;
    wait_ok { time > $at - $DAY } 'behind the edge';
    is $t->post($path, $body, $headers)->code, 200, 'again';
    is stored('"journal"'), 1, 'once';
    is $t->db->selectrow_array('SELECT count(*) FROM tavus.elsewhere x
        JOIN tavus.events e ON e.id = x.stored
        WHERE e.conversation_id = ?', {}, 'c-journal'), 1,
        'and found by its own time';
    done_testing;
};

done_testing;
