#!/usr/bin/perl

# A worker repairs while its clock is wrong, by hours and by more than what an
# event's own time may be away: it asks as before, ends no call for it, and what
# it stored is known again when the callback comes and the clock is right.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Clock;
use Tavus::Test::Repair;
use Mojo::JSON qw(encode_json);
use Mojo::Date;

plan skip_all => 'another library comes first'
    unless Tavus::Test::Clock::possible();

my $clock = Tavus::Test::Clock->new;
my $t = repair_test(env => $clock->env);
my ($box, $db) = ($t->sandbox, $t->db);

sub set ($step) {
    $clock->set($step);
    wait_ok { abs(Mojo::Date->new($t->get('/')->headers->date)->epoch - time
        - $step) < 100 } "the clock is set by $step s";
}

my $day = 86400;
for my $step (7200, -7200, 40 * $day, -40 * $day) {
    my @lost = talk($t, lost => 1);
    my $id = $lost[0]{conversation_id};
    my $token = $box->token;
    my $goes_on = $t->create->json->{conversation_id};

    set($step);
    ask($t, $id, $goes_on);
    wait_ok { whole($t, $id) } 'repaired', 30;
    wait_ok { row($t, $goes_on, 'repair_tries') == 1 } 'another is asked for', 30;
    is scalar fetched($t, $id), 1, 'once';

    set(0);
    my $before = events($t);
    is +(grep { $t->webhook(encode_json($_), token => $token)->code != 200 }
        @lost), 0, 'the callbacks come';
    is_deeply events($t), $before, 'and are known';
    is row($t, $goes_on, 'ended'), 0, 'what goes on was not ended';
}
is scalar(grep { $_->{method} eq 'POST' && $_->{path} =~ m{^/v2/.*/end\z} }
    $box->calls('/v2/')), 0, 'nothing was';
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
    'no conflict';

done_testing;
