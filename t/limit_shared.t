#!/usr/bin/perl

# A limit that all have together says so: one visitor has not asked too often.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0, http => {
    tavus_limit_zone => ['$binary_remote_addr zone=own:64k rate=1r/m capacity=1',
        'all zone=site:64k rate=1r/m capacity=2'],
}, locations => {
    '= /own'   => 'tavus_limit zone=own; tavus_health;',
    '= /all'   => 'tavus_limit zone=site; tavus_health;',
    '= /page'  => 'tavus_limit zone=site; error_page 429 /problem; empty_gif;',
    '= /problem' => 'internal; tavus_problem;',
})->start;

my $reason = sub ($path) {
    my $res = $t->get($path);
    return [$res->code, $res->json && $res->json->{reason}];
};

ok $t->get($_)->code != 429, $_ for qw(/own /all /all);
is_deeply $reason->('/own'), [429, undef], 'of one';
is_deeply $reason->('/all'), [429, 'shared'], 'of all';
is_deeply $reason->('/page'), [429, 'shared'], 'by error_page, too';

done_testing;
