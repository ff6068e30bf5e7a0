#!/usr/bin/perl

# A key that Tavus or Stripe refuses while no visitor wants anything: the node,
# which asks for repairs, tells of it with its beats.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Alerts;
use Tavus::Test::Repair qw(repair_test lost ask);
use Tavus::Test::Stripe qw(stripe_http due value);

my $alerts = Tavus::Test::Alerts->new;
my $t = $alerts->on(repair_test(db => $alerts->pg,
    http => {tavus_journal => '%%DIR%%/journal'}));
my ($box, $db) = ($t->sandbox, $t->db);
my %stripe = stripe_http($t, $box);
$t->configure(%stripe);
$t->reload(drained => 1);
wait_ok { eval { $alerts->open eq '' } } 'nothing is the matter';
wait_ok { value($t, 'SELECT done_at FROM tavus.stripe_repairs') }
    'Stripe is asked';

# ---- Stripe
$box->fault(path => '/v1/events', kind => 'status', status => 401,
    body => {error => {message => 'Invalid API Key provided'}});
due($t);
wait_ok { $alerts->open eq 'key_invalid stripe' } 'Stripe refuses the key';
$box->no_faults;
due($t);
wait_ok { $alerts->open eq '' } 'it is valid again';

# ---- Tavus
my @id = lost($t, 2);
for ([401, 'key_invalid'], [402, 'out_of_credits']) {
    my ($status, $kind) = @$_;
    $alerts->set($kind => 'threshold = 0');
    $box->fault(method => 'GET', path => '/v2/conversations/',
        kind => 'status', status => $status, body => {});
    ask($t, @id);
    wait_ok { $alerts->open eq "$kind tavus" } "Tavus answers $status", 60;
    is $alerts->one($kind)->{figures}{n}, 0, 'no visitor was there';
    like $alerts->one($kind)->{text}, qr/\A[\w ]+\. [\w ,]+\.\z/, 'in words';
    $box->no_faults;
    ask($t, shift @id);
    wait_ok { $alerts->open eq '' } 'and takes what is asked again', 60;
    is $alerts->events($kind), $kind eq 'key_invalid'
        ? 'raised cleared raised cleared' : 'raised cleared', 'told';
}

done_testing;
