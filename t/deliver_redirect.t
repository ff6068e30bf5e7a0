#!/usr/bin/perl

# A redirect is followed by nobody: a webhook goes again by its schedule, and
# where PostHog or GA4 should be is something else, which a retry cannot mend.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t);
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'the destinations are there';

my %path = (posthog => '/posthog', ga4 => '/ga4', crm => '/hooks/crm');
my %kind = (posthog => 'posthog', ga4 => 'ga4', crm => 'hooks');

$box->fault(path => $path{$_}, kind => 'status', status => 302 + 5 * /crm/,
    body => 'elsewhere', headers => {Location => $box->url . '/elsewhere'})
    for keys %path;
$d->track('page_view', consent => 'granted');

for my $name (qw(ga4 posthog)) {
    wait_ok { $d->destination($name)->{state} eq 'paused' } "$name: paused";
    like $d->destination($name)->{said}, qr/^302 elsewhere/, "$name: said";
    cmp_ok $d->seconds($name, 'paused_until'), '>', 200, "$name: for minutes";
}
wait_ok { $box->calls('/hooks') >= 2 } 'the webhook goes again';
like $d->destination('crm')->{said}, qr/^307 elsewhere/, 'and says why';
is scalar $box->calls('/elsewhere'), 0, 'nobody went there';

$box->no_faults;
wait_ok { $box->received('hooks')->{received} } 'the webhook came';
for my $name (qw(ga4 posthog)) {
    is scalar $box->calls($path{$name}), 1, "$name: was asked once";
    is $d->retry(undef, destination => $name)->code, 200;
    wait_ok { $box->received($kind{$name})->{received} } "$name: goes on by hand";
}
is scalar $box->calls('/elsewhere'), 0, 'nor later';

done_testing;
