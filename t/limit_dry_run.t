#!/usr/bin/perl

# dry_run: counted and logged, never refused, and not told to the client.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => [
        '$arg_key zone=dry:64k rate=1r/h capacity=2',
        'all zone=real:64k rate=1r/h capacity=4',
    ]},
    http_extra => q{log_format limit '$uri $status $tavus_limit_status }
        . q{$tavus_limit_remaining'; access_log %%DIR%%/limit.log limit;},
    locations => {
        '= /dry' => 'tavus_limit zone=dry dry_run; empty_gif;',
        '= /both' =>
            'tavus_limit zone=dry dry_run; tavus_limit zone=real; empty_gif;',
        '= /metrics' => 'access_log off; tavus_metrics;',
    })->start;

my @logged;
sub logged {
    @logged = split /\n/, Tavus::Test::Process::slurp($t->dir . '/limit.log');
    return scalar @logged;
}

for (1 .. 4) {
    my $res = $t->get('/dry');
    is $res->code, 200;
    is $res->headers->header('RateLimit'), undef, 'nothing is said of it';
    is $res->headers->header('X-RateLimit-Limit'), undef;
}

wait_ok { logged() == 4 } 'logged';
is_deeply \@logged, ['/dry 200 PASSED 1', '/dry 200 PASSED 0',
    '/dry 200 REJECTED_DRY_RUN 0', '/dry 200 REJECTED_DRY_RUN 0'];
is scalar $t->grep_log(qr/limiting requests, dry run, by zone "dry"/), 2;

my $res = $t->get('/both?key=x');
like $res->headers->header('RateLimit'), qr/^"real";r=3;/,
    'only of the one that the client is held to';
$t->get('/both?key=x');
$res = $t->get('/both?key=x');
is $res->code, 200, 'the dry one is spent';
like $res->headers->header('RateLimit'), qr/^"real";r=1;/,
    'which does not keep the other from being charged';

is $t->get('/both?key=y')->code, 200;
is $t->get('/both?key=y')->code, 429, 'the real one refuses';
my ($dry) = $t->get('/metrics')->body
    =~ /^tavus_limit_requests_total\{zone="dry",result="passed"\} (\d+)/m;
is $dry, 2 + 2 + 1, 'and then a dry one is not charged either';

is $t->get('/both?key=x')->code, 429;
wait_ok { logged() == 10 } 'logged';
is_deeply [@logged[4 .. 9]], ['/both 200 PASSED 3', '/both 200 PASSED 2',
    '/both 200 REJECTED_DRY_RUN 1', '/both 200 PASSED 0',
    '/both 429 REJECTED 0', '/both 429 REJECTED 0'];

done_testing;
