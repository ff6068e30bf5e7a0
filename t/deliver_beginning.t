#!/usr/bin/perl

# A new destination begins with what comes from now on, or with all that is
# stored, from=beginning; which means nothing for one that is known.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, late => 'events *;',
    whole => 'from=beginning events *;');
my $box = $t->sandbox;
my @deliver = $t->{http}{tavus_deliver}->@*;
my $numbers = sub ($hook) { [map { $_->{body}{data}{body}{count} }
    $box->hook_messages($hook)] };

$t->{http}{tavus_deliver} = undef;
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'nobody is delivered to';
$d->track('page_view', consent => 'granted', session => 's', n => 30);

$t->configure(http => {tavus_deliver => \@deliver})->reload(drained => 1);
wait_ok { $d->ready } 'two destinations';
wait_ok { $box->received('hooks')->{received} == 30 } 'one gets what was there';
$d->track('page_view', consent => 'granted', session => 's', n => 10);
wait_ok { $box->received('hooks')->{received} == 50 } 'both what comes now';
wait_ok { $d->idle } 'to the end';

is scalar $numbers->('whole')->@*, 40, 'from the beginning all';
is scalar $numbers->('late')->@*, 10, 'else what comes';
is $box->received('hooks')->{duplicates}, 0, 'each once';

$d->configured(late => 'from=beginning events *;',
    whole => 'from=beginning events *;');
$t->reload(drained => 1);
$d->track('page_view', consent => 'granted', session => 's');
wait_ok { $box->received('hooks')->{received} == 52 } 'one more';
wait_ok { $d->idle } 'to the end';
is scalar $numbers->('late')->@*, 11, 'who is known does not begin again';

done_testing;
