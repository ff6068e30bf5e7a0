#!/usr/bin/perl

# The page that shows what came: newest first, as text whatever it is.

use lib 't/lib';
use Tavus::Test;
use Mojo::UserAgent;

use Tavus::Test::Sandbox;

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new;
my $EVIL = q(<img src=x onerror="alert('1')">&amp;);

sub page () { return $ua->get($s->url . '/_received')->result }

my $res = page();
is $res->code, 200;
like $res->headers->content_type, qr{^text/html\b};
like $res->headers->header('Content-Security-Policy'),
    qr/default-src 'none'; style-src 'self'/;
is_deeply [$res->dom->find('h2')->map('text')->each],
    ['PostHog', 'Google Analytics 4', 'Webhooks', 'Stripe',
        'SendGrid'];
is $ua->get($s->url . '/')->result->headers->location, '/_received',
    'from the root';

for (1, 2, 3, 1) {
    $ua->post($s->posthog_url . '/batch/' => json => {
        api_key => $s->posthog_key, batch => [{event => "event $_",
            uuid => "0193e000-0000-7000-8000-00000000000$_",
            timestamp => '2026-05-02T09:14:33Z', distinct_id => $EVIL,
            properties => {$EVIL => "$EVIL\x{263a}",
                '$process_person_profile' => Mojo::JSON::false}}]});
}
$ua->post($s->ga4_url . '/mp/collect?measurement_id=x&api_secret='
    . $s->ga4_secret => json => {client_id => '1', events => []});
my $secret = $s->hook('crm');
my $body = Mojo::JSON::encode_json({type => $EVIL, data => [$EVIL]});
$ua->post($s->hook_url('crm') => {'Content-Type' => 'application/json',
    sign_standard($secret, 'msg_1', $body)} => $body);

$res = page();
my $dom = $res->dom;
is_deeply [$dom->find('section:nth-of-type(1) tbody tr td:nth-child(2)')
    ->map('text')->each], ['event 1', 'event 3', 'event 2'], 'newest first';
is_deeply [$dom->find('section:nth-of-type(1) tbody tr td:nth-child(4)')
    ->map('text')->each], [2, 1, 1], 'with how often';
my $row = $dom->at('tbody tr');
like $row->at('td:nth-child(3)')->text, qr/\Q$EVIL\E/, 'who';
like $row->at('small')->text, qr/no person/;
like $dom->at('section p')->text, qr/Events: 3\. Sent again: 1\.\s+Refused: 0/,
    'and how many';
like $row->at('code')->text, qr/\x{263a}/, 'and with what';
like $dom->at('section:nth-of-type(2) li')->text, qr/measurement_id is wrong/,
    'what was refused, and why';
is $dom->at('section:nth-of-type(3) tbody td:nth-child(2)')->text, $EVIL;
is $dom->find('img, script, style, [onerror], [style]')->size, 0,
    'nothing of it is more than text';
is_deeply [$dom->find('[src], [href]')->map(attr => 'href')->each],
    ['/received.css', '/_mails'], 'and nothing comes from elsewhere';
is $ua->get($s->url . '/received.css')->result->code, 200;
unlike $res->body, qr/\Q${\$s->ga4_secret}\E|\Q$secret\E/, 'no secret';

is scalar(grep { $_->{path} !~ m{^/(?:posthog|ga4|hooks)/} } $s->calls), 0,
    'who looks is no caller';

$s->reset;
$ua->post($s->posthog_url . '/batch/' => json => {
    api_key => $s->posthog_key, batch => [map { {event => "e$_",
        distinct_id => 'v'} } 1 .. 300]});
is page()->dom->find('tbody tr')->size, 100, 'no more than a page holds';

done_testing;
