#!/usr/bin/perl

# What a log tells of a limit.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(slurp);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => 'all zone=a:64k rate=1r/h capacity=2'},
    http_extra => q{log_format limit '$uri $tavus_limit_status }
        . q{$tavus_limit_remaining'; access_log %%DIR%%/limit.log limit;},
    locations => {
        '= /a' => 'tavus_limit zone=a; empty_gif;',
        '= /free' => 'empty_gif;',
        '= /page' => 'tavus_limit zone=a; error_page 429 /index.html; '
            . 'empty_gif;',
        '= /shown' => 'tavus_limit zone=a dry_run; root %%HTML%%; '
            . 'add_header X-Limit "$tavus_limit_status" always;',
    })->start;

$t->get($_) for qw(/free /a /a /a /page);
my @lines;
wait_ok {
    @lines = split /\n/, slurp($t->dir . '/limit.log');
    @lines == 5;
} 'logged';
is_deeply \@lines, ['/free - -', '/a PASSED 1', '/a PASSED 0',
    '/a REJECTED 0', '/index.html REJECTED 0'];

my ($line) = $t->grep_log(qr/limiting requests/);
like $line, qr/\[error\].*limiting requests, by zone "a", client: 127\.0\.0\.1/;
is scalar $t->grep_log(qr/limiting requests/), 2, 'a line for each';

is $t->get('/shown')->headers->header('X-Limit'), 'REJECTED_DRY_RUN',
    'a variable like any other';

done_testing;
