#!/usr/bin/perl

# A node that is frozen: another one tells, once, and that it is back.  All that
# look at once tell once.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Alerts;
use Tavus::Test::Node;
use Tavus::Test::Process qw(suspend);
use Tavus::Test::Sandbox;

my ($alerts, $box) = (Tavus::Test::Alerts->new, Tavus::Test::Sandbox->new);
my $pg = $alerts->pg;
my ($A, $B) = map { Tavus::Test::Node->new($_, $pg, $box) } qw(a b);
my ($a, $b) = ($A->t->start, $alerts->on($B->t)->start);
my $db = $pg->db;
wait_ok { $_->get('/healthz')->code == 200 } 'ready' for $a, $b;
$_->beats(0) for $A, $B;
wait_ok { eval { $alerts->open eq '' } } 'nothing is the matter';

my @workers = $a->workers;
suspend(@workers);
is $db->do(q{UPDATE tavus.nodes SET beat_at = now() - interval '4 minutes'
    WHERE id = ?}, undef, $A->id), 1, 'A was not heard of for four minutes';
wait_ok { $alerts->open eq 'node_silent ' . $A->id } 'it is silent';
$B->beats(1);
is $alerts->events('node_silent'), 'raised', 'which is told';
kill CONT => @workers;
wait_ok { $alerts->open eq '' } 'it is back';
is $alerts->events('node_silent'), 'raised cleared', 'which is told, too';

# both look whenever they can
$db->do(q{UPDATE tavus.alert_looks SET every = '0'});
is $a->webhook('{"a":')->code, 200, 'an event that is unfit';
wait_ok { $alerts->open eq 'quarantine tavus' } 'is in quarantine';
$_->beats(2) for $A, $B;
is $alerts->events('quarantine'), 'raised', 'told once';
is $alerts->one('quarantine')->{figures}{n}, 1;
is $b->webhook('{"b":')->code, 200, 'another one';
wait_ok { $alerts->one('quarantine')->{figures}{n} == 2 } 'is counted';
is $alerts->events('quarantine'), 'raised', 'and not told';

# who looks while another one does leaves it to them
my ($one, $two) = map { $pg->connect } 1 .. 2;
$one->begin_work;
wait_ok { $one->selectrow_array(q{SELECT tavus.alerts_look('0')}) =~ /"looked" : true/ }
    'one looks';
like $two->selectrow_array(q{SELECT tavus.alerts_look('0')}),
    qr/"looked" : false, "open" : \{ "quarantine" : 1 \}/, 'the other one does not';
$one->rollback;

done_testing;
