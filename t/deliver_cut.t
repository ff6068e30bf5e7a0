#!/usr/bin/perl

# An answer that is cut, or never comes: it goes again with the same id, so
# that who counts each id once counts right; an answer that is far too long is
# one all the same.

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
my $n = 0;

for my $what (qw(cut reset)) {
    $box->fault(kind => $what, path => $_, times => 1, after => 1)
        for values %path;
    $d->track('page_view', consent => 'granted', n => 3);
    $n += 3;

    for my $name (sort keys %path) {
        # one of three requests was lost, or the batch
        my $more = $name eq 'posthog' ? $n : $n / 3;
        wait_ok { $d->hurry($name);
            $d->idle($name) && !$d->failed(destination => $name)
        } "$name, $what: all is told";
        my $got = $box->received($kind{$name}, ids => 1);
        is $got->{unique}, $n, "$name, $what: each";
        is $got->{duplicates}, $more, "$name, $what: again what was cut";
        is scalar keys $got->{ids}->%*, $n, "$name, $what: with the same id";
        is $d->destination($name)->{delivered}, $n;
    }
}

ok !(grep { $_->{changed} } $box->hook_messages('crm')),
    'a webhook is the same each time';

$box->fault(path => $_, kind => 'huge', bytes => 3_000_000, after => 1)
    for values %path;
my %calls = map { $_ => scalar $box->calls($path{$_}) } keys %path;
$d->track('page_view', consent => 'granted', n => 2);
for my $name (sort keys %path) {
    wait_ok { $d->destination($name)->{delivered} == $n + 2 }
        "$name: megabytes are an answer";
    is scalar $box->calls($path{$name}) - $calls{$name},
        $name eq 'posthog' ? 1 : 2, "$name: nothing goes again";
}

done_testing;
