#!/usr/bin/perl

# The packages on a machine that has nothing of the build: installed by the
# commands of docs/install.md, they serve the site, make a conversation, and
# store what is told of it; tavus-check finds nothing amiss.

use lib 't/lib';
use Tavus::Test::Root;
use Tavus::Test;
use Mojo::JSON qw(decode_json);
use Tavus::Test::Process qw(slurp);
use Tavus::Test::Sandbox;
use Tavus::Test::Tls;

my $root = Tavus::Test::Root->new;
my $ca = Tavus::Test::Tls->new;
my $box = Tavus::Test::Sandbox->new;

$root->packages($Tavus::Test::Root::BUILT);
$root->set_up($box, $ca);

# ---- the site --------------------------------------------------------------

wait_ok { ($root->curl('/healthz'))[0] == 200 } 'it can accept';
wait_ok { ($root->admin('/healthz?full')->{database} // {})->{connected} }
    'and has its database';

my ($code, $page) = $root->curl('/');
is $code, 200, 'the site';
like $page, qr/<title>/, 'is a page';
is +($root->curl('/pricing', '-H', 'Accept-Encoding: br'))[1],
    slurp($root->dir . '/usr/share/tavus/site/pricing.html.br'),
    'compressed by the build';
like +($root->curl('/robots.txt'))[1], qr{https://example\.com/},
    'its own address';
is decode_json(($root->curl('/config.json'))[1])->{contact_email},
    'hello@example.com', 'what was filled in';
is +($root->curl('/admin'))[0], 401, 'the panel wants a login';
is +($root->curl('/admin', '-u', 'admin:secret'))[0], 200, 'and has one';

# ---- a conversation --------------------------------------------------------

($code, my $body) = $root->curl('/api/tavus/create-conversation', '-H',
    'Origin: https://example.com', '-H', 'Content-Type: application/json',
    '-d', '{"vertical":"general"}');
is $code, 200, 'a conversation' or diag $body;
my $id = decode_json($body)->{conversation_id};

# the sandbox speaks no TLS
my ($callback) = $box->callback_url =~ m{^https://example\.com(/.*)};
is +($root->curl($callback, '-H', 'Content-Type: application/json', '-d',
    tavus_event('system.shutdown', $id)))[0], 200, 'is called back';
my %seen;
wait_ok {
    %seen = map { $_->{event_type} => 1 }
        ($root->admin("/api/admin/events?conversation_id=$id&limit=100")
            ->{events} // [])->@*;
    $seen{'conversation.created'} && $seen{'system.shutdown'};
} 'it is stored, and what Tavus tells of it' or diag join ' ', %seen;

# ---- the machine -----------------------------------------------------------

my $says = $root->ok('tavus-check', name => 'tavus-check');
unlike $says, qr/^  (?:FAIL|warn)/m, 'nothing is amiss' or diag $says;
ok -s $root->dir . "/usr/share/man/$_.gz", "a manual page, $_"
    for qw(man5/ngx_tavus_module.5 man8/tavus-check.8);
unlike slurp($root->dir . '/var/log/nginx/error.log') // '',
    qr/\[(?:alert|emerg|crit)\]/, 'no alert in error.log';
like slurp($root->dir . '/var/log/nginx/tavus.log'), qr/create-conversation/,
    'a log of its own';

done_testing;
