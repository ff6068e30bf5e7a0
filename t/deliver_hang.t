#!/usr/bin/perl

# A destination that says nothing is given up after its time-out, while others
# get theirs; what was sent goes again with the same id.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, map { $_ => 'events *; timeout 300ms;' }
    qw(posthog ga4 crm));
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'the destinations are there';

my %path = (posthog => '/posthog', ga4 => '/ga4', crm => '/hooks/crm');
my %kind = (posthog => 'posthog', ga4 => 'ga4', crm => 'hooks');

$box->fault(path => '/hooks', kind => 'hang');
$d->track('page_view', consent => 'granted');
wait_ok { $box->received('posthog')->{received} } 'the others got theirs';
wait_ok { $box->received('ga4')->{received} } 'both';
wait_ok { ($d->destination('crm')->{said} // '') =~ /Timeout/ }
    'a webhook: what went wrong';
is $box->received('hooks')->{received}, 0;
$box->no_faults;
wait_ok { $box->received('hooks')->{received} } 'and then it came';

# the effect is there, the answer is not
$box->fault(path => $path{$_}, kind => 'hang', times => 1, after => 1)
    for keys %path;
$d->track('page_view', consent => 'granted', n => 1);
for my $name (sort keys %path) {
    wait_ok { $box->received($kind{$name})->{received} >= 3 } "$name: again";
    wait_ok { $d->idle($name) } "$name: all is told";
    my $got = $box->received($kind{$name});
    is $got->{received}, 3;
    is $got->{duplicates}, 1, "$name: with the same id";
    is $d->destination($name)->{delivered}, 2;
}

done_testing;
