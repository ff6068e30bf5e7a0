#!/usr/bin/perl

# In the sample configuration the paths of the API are those that are written
# there: what is not one of them is 404, and nothing is redirected like a page.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw($ROOT slurp);
use Tavus::Test::Site;

my $site = Tavus::Test::Site->new->start;

my @paths = slurp("$ROOT/site/nginx/locations.conf")
    =~ m{^location = (/api/\S+)}mg;
cmp_ok scalar @paths, '>=', 5, 'paths of the API';

for my $path (@paths) {
    isnt $site->request(POST => $path, {}, '{}')->code, 404, $path;

    for my $other ("$path/", "$path.html", "$path/x/", "$path//", "$path/x") {
        for my $method (qw(POST GET)) {
            my $res = $site->request($method => $other, {},
                $method eq 'POST' ? '{}' : ());
            is $res->code, 404, "$method $other";
            is $res->headers->content_type, 'application/problem+json';
            is eval { $res->json->{code} }, 'not_found';
        }
    }
}

for my $path (qw(/api/ /api/none /api/none/ /api/tavus/ /api/index.html)) {
    my $res = $site->request(POST => $path, {}, '{}');
    is $res->code, 404, $path;
    is $res->headers->content_type, 'application/problem+json';
}

for my $path (qw(events events/ events.html conversations/x/ none/)) {
    is $site->get("/api/admin/$path")->code, 401, "/api/admin/$path";
}

# pages have one address each, as before
is $site->get($_)->code, 301, $_ for qw(/pricing/ /pricing.html);
is $site->get('/pricing')->code, 200;

$site->done;
done_testing;
