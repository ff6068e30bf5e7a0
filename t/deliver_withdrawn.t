#!/usr/bin/perl

# A visitor said yes, and no before the event was sent: it is not sent, wherever
# it waits: in the log, in a flight that goes again, or by itself.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Mojo::JSON qw(encode_json);

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, posthog => 'events *;', ga4 => 'events *;',
    crm => 'events *;');
my $box = $t->sandbox;
my $db = $t->db;
my $pause = sub { $db->do(q{UPDATE tavus.destinations
    SET paused_until = now() + interval '1 hour'}) };
my $goes_on = sub {
    $db->do('UPDATE tavus.destinations SET paused_until = NULL');
    $db->do('UPDATE tavus.flights SET due_at = now()');
    $db->do('UPDATE tavus.deliveries SET due_at = now()');
};
my $went = sub ($word) { scalar grep { $box->received($_)->{events}
    && grep { encode_json($_) =~ /\Q$word/ }
        $box->received($_)->{events}->@* } qw(posthog ga4 hooks) };
$t->start;
wait_ok { $d->ready } 'ready';

sub denies ($session) {
    $d->track('consent', session => $session, consent => 'denied');
    return wait_for { $db->selectrow_array(q{SELECT NOT granted
        FROM tavus.consents WHERE subject = ?}, undef, "session $session") };
}

subtest 'in the log' => sub {
    $pause->();
    $d->track('page_view', session => 'first', consent => 'granted');
    $d->track('page_view', session => 'stays', consent => 'granted');
    ok denies('first'), 'no';
    $goes_on->();
    wait_ok { $went->('stays') == 3 } 'who said yes goes everywhere';
    wait_ok { $d->idle } 'all is told';
    is $went->('first'), 0, 'who said no nowhere';
};

# a flight goes to pieces when it has failed three times as a whole
for my $what (['as a whole', 1, 'flights'], ['by itself', 2, 'deliveries']) {
    my ($how, $tries, $table) = @$what;
    subtest "what failed $how" => sub {
        my ($no, $yes) = map { "$_-$table" } qw(leaves remains);
        my $failed = sub ($of) { $db->selectrow_array("SELECT
            count(DISTINCT destination) FROM tavus.$of
            WHERE coalesce(token, 0) = 0") == 3 };
        $box->fault(path => $_, kind => 'status', status => 500)
            for qw(/posthog /ga4 /hooks);
        $d->track('page_view', session => $no, consent => 'granted');
        $d->track('page_view', session => $yes, consent => 'granted');
        wait_ok { $failed->('flights') } 'all fail';
        if ($tries > 1) {
            $db->do('UPDATE tavus.flights SET tries = 2');
            $goes_on->();
        }
        wait_ok { $failed->($table) } 'and wait';
        $pause->();
        ok denies($no), 'no';
        $box->no_faults;
        $goes_on->();
        wait_ok { $went->($yes) == 3 } 'who said yes goes everywhere';
        wait_ok { $goes_on->(); $d->idle && !$d->failed } 'all is told';
        is $went->($no), 0, 'who said no nowhere';
    };
}

done_testing;
