#!/usr/bin/perl

# The sample configuration sells where there is a key of Stripe's, says so to
# its pages, and whoever asks about a payment keeps nobody from buying.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw($ROOT slurp);
use Tavus::Test::Site;

my $path = '/api/stripe/checkout';

my $site = Tavus::Test::Site->new;
my ($exit, $says) = $site->nginx_t;
is $exit, 0, 'without a key' or diag $says;
$site->start;
ok !$site->get('/config.json')->json->{checkout}, 'nothing is sold';
is $site->request(POST => $path, {}, json => {plan => 'starter'})->code, 404,
    'and nothing there';
$site->done;

$site = Tavus::Test::Site->new(sells => 1);
($exit, $says) = $site->nginx_t;
is $exit, 0, 'with a key' or diag $says;
unlike $says, qr/\[warn\]/, 'without a word' or diag $says;
$site->start;
ok $site->get('/config.json')->json->{checkout}, 'it is said';

sub bucket ($res) {
    return ($res->headers->header('RateLimit-Policy') // '') =~ /^"(\w+)"/
        ? $1 : undef;
}
my $res = $site->request(POST => $path, {}, json => {plan => 'none'});
is $res->code, 400, 'a checkout';
is bucket($res), 'checkout', 'from one bucket';
is_deeply $res->json->{plans}, [qw(basic starter growth scale)],
    'with the plans that are';
$res = $site->get("$path?session_id=x");
is $res->code, 400, 'a question';
is $res->json->{code}, 'invalid_parameter';
is bucket($res), 'bought', 'from another';
is $site->get('/.bought?session_id=cs_x')->code, 404, 'one way alone';
$site->request(POST => $path, {}, json => {plan => 'none'}) for 1 .. 12;
is $site->request(POST => $path, {}, json => {plan => 'none'})->code, 429,
    'when one is spent';
is $site->get("$path?session_id=x")->code, 400, 'the other is not';
is $site->request(POST => '/api/webhooks/stripe', {}, json => {})->code, 401,
    'and what Stripe tells has to be signed';

# what pages offer is what is configured
my $prices = slurp("$ROOT/site/src/data/prices.ts");
my @offered = $prices =~ /^ *(?:\{ )?id: '(\w+)'/mg;
my %conf = map { $_ => 1 } (slurp("$ROOT/site/nginx/http/stripe.conf")
    . slurp("$ROOT/site/nginx/http/add_ons"))
    =~ /^ *(?:tavus_plan|add_on) +(\w+)/mg;
is_deeply [sort @offered], [sort keys %conf], 'plans and add-ons of the pages';

$site->done;
done_testing;
