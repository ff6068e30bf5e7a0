#!/usr/bin/perl

# A key that is refused: the destination is let alone as a whole, which the log
# says once and the API shows; nothing is dead, and all goes on after a retry.

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
my %status = (posthog => 401, ga4 => 403, crm => 401);

# what its own services say of a wrong key, and GA4 never says
$box->config(posthog_key => 'phc_another_0123456789abcdef');
$box->fault(path => '/ga4', kind => 'status', status => 403);
$box->hook('crm', 'another secret of the hook crm..');

$d->track('page_view', consent => 'granted', n => 5);

for my $name (sort keys %path) {
    wait_ok { $d->destination($name)->{state} eq 'paused' } "$name: paused";
    my $shown = $d->destination($name);
    like $shown->{said}, qr/^$status{$name} /, "$name: said $shown->{said}";
    is $shown->{reason}, $shown->{said};
    ok defined $shown->{paused_until};
    is $shown->{dead}, 0, "$name: none is dead";
    is $shown->{waiting}, 0, "$name: none has failed by itself";
    is $shown->{delivered}, 0;
}

# others that are stored meanwhile wait with them
my %before = map { $_ => scalar $box->calls($path{$_}) } keys %path;
$d->track('page_view', consent => 'granted', n => 2);
wait_ok { $d->destination($_)->{lag}{events} == 7 } "$_: all seven wait"
    for sort keys %path;

$box->no_faults;
$box->config(posthog_key => $box->posthog_key);
$box->hook('crm');

for my $name (sort keys %path) {
    is scalar $box->calls($path{$name}), $before{$name},
        "$name: was not asked again";
    is scalar(() = $t->grep_log(qr/"$name" takes nothing/)), 1,
        "$name: said once";

    my $res = $d->retry(undef, destination => $name);
    is $res->code, 200, "$name: goes on by hand";
    is_deeply $res->json, {retried => 0, more => Mojo::JSON::false()};
    wait_ok { $box->received($kind{$name})->{received} >= 7 } "$name: all came";
    wait_ok { $d->idle($name) } "$name: all is told";
    my $got = $box->received($kind{$name});
    is $got->{received}, 7, "$name: once";
    is $got->{duplicates}, 0;
    my $shown = $d->destination($name);
    is $shown->{state}, 'active';
    is $shown->{failures}, 0;
}

done_testing;
