#!/usr/bin/perl

# What the privacy notice says without a script is what the sample configuration
# keeps, and it has a sentence for each kind that there is.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw($ROOT slurp);

my ($sample) = slurp("$ROOT/site/nginx/tavus.conf") =~ /^(tavus_retention .*);$/m
    or die 'no tavus_retention';
my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http_extra => "$sample;", locations => {
        '= /days' => 'return 200 $tavus_retention_days;'})->start;
my $days = $t->get('/days')->json;
cmp_ok scalar(keys %$days), '>', 4, 'kinds';

my ($built) = slurp("$ROOT/site/src/data/retention.ts") =~ /DAYS = \{([^}]+)\}/;
is_deeply {$built =~ /(\w+): (\d+)/g}, $days, 'what is built in is the sample';

my $page = slurp("$ROOT/site/src/pages/legal/privacy.astro");
my ($long) = $page =~ /const LONG\b[^=]*= \[(.*?)\n\];/s;
is_deeply [sort $long =~ /kind: '(\w+)'/g], [sort keys %$days],
    'the notice tells of each';
like slurp("$ROOT/site/nginx/site.conf"), qr/"retention":\$tavus_retention_days\b/,
    'and /config.json has them';

done_testing;
