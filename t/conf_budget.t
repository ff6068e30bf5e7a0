#!/usr/bin/perl

# What nginx -t makes of tavus_budget.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

conf_test();

my $line = qr/^\s*tavus_budget /;
sub budget { return (http => {tavus_budget => $_[0]}) }

accepted('all of it', budget('active=3 day=200 minutes=600 visitor_day=5 line=20'));
accepted("$_ alone", budget($_))
    for qw(active=1 day=1 minutes=10 visitor_day=1 active=10000 day=1000000
    minutes=1000000 visitor_day=1000000);
accepted('in any order', budget('line=1000 active=1'));

refused('nothing', qr/invalid number of arguments in "tavus_budget"/, $line, budget(''));
refused('twice', qr/"tavus_budget" directive is duplicate/, $line,
    budget(['active=3', 'day=3']));
refused("unknown: $_", qr/^invalid limit "\Q$_\E", it is one of active, day, /, $line,
    budget($_)) for qw(hour=3 active 3 =3 activ=3 active3=3 Active=3 off);
refused("no number: $_", qr/^invalid limit "\Q$_\E", it is a number from 1 to 10000 in/,
    $line, budget($_)) for 'active=', map { "active=$_" }
    qw(0 -1 +1 3.0 3x 0x3 x 10001 4294967297 18446744073709551617), '9' x 40;
refused("too many: $_", qr/^invalid limit "\Q$_\E", it is a number from 1 to 1000000 in/,
    $line, budget($_)) for qw(day=1000001 minutes=1000001 visitor_day=1000001);
refused('too long a line', qr/^invalid limit "line=1001", .* to 1000 in/, $line,
    budget('active=1 line=1001'));
refused('a limit twice', qr/^duplicate limit "day=4" in/, $line, budget('day=3 day=4'));
refused('a variable', qr/^invalid limit "active=\$host"/, $line, budget('active=$host'));

refused('a line where there is always a place',
    qr/^"line" of "tavus_budget" needs "active", as nobody waits/, $line,
    budget('day=3 line=3'));

# the longest call of the tests' verticals is the default, 600 s
refused('less than one call', qr/^"minutes=9" of "tavus_budget" is less than one call of /,
    $line, budget('minutes=9'));
accepted('as much as one call', budget('minutes=10'));
refused('less than one call of one vertical', qr/ of vertical "long", .* 3601, in/,
    $line, http => {tavus_budget => 'minutes=60',
        tavus_vertical => ['short { persona_id p1; max_call_duration 60; }',
            'long { persona_id p2; max_call_duration 3601; }']});

refused('in a server', qr/"tavus_budget" directive is not allowed here/, $line,
    server => 'tavus_budget active=3;');
refused('in a location', qr/"tavus_budget" directive is not allowed here/, qr/= \/x/,
    locations => {'= /x' => 'tavus_budget active=3;'});
refused('without a database', qr/^"tavus_budget" needs "tavus_database" in/, $line,
    http => {tavus_budget => 'active=3', tavus_database => undef},
    locations => {map { $_ => undef } '= /api/tavus/create-conversation',
        '= /api/tavus/end-conversation', '= /api/tavus/webhook', '/api/admin/',
        '= /api/track', '= /api/contact'});

done_testing;
