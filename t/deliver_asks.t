#!/usr/bin/perl

# Pages ask where a destination wants it: the configuration itself says so.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0, http => {}, locations => {
    '= /asks' => q{return 200 '{"consent":$tavus_asks_consent}';}})->start;

my $hook = 'webhook { url file:' . $t->secret('hook.url',
    'https://127.0.0.1:1/x') . '; secret file:' . $t->secret('hook.secret',
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') . '; events page_view; ';

for (['nothing is sent on', 0],
    ['what a visitor sends to the owner needs none', 0,
        $hook . 'consent not_needed; }'],
    ['mails to the owner need none', 0, 'sendgrid { url https://127.0.0.1:1; key file:'
        . $t->secret('sendgrid.key', 'SG.of.the.tests.0123456789')
        . '; from a@b.de; to c@d.de; mail contact.submitted; }'],
    ['one that asks', 1, $hook . '}'],
    ['one without names asks, too', 1, $hook . 'consent anonymous; }'],
    ['one of two', 1, $hook . 'consent not_needed; }',
        $hook =~ s/webhook/webhook name=other/r . '}'])
{
    my ($name, $want, @deliver) = @$_;
    $t->configure(http => {$t->{http}->%*, tavus_deliver => [@deliver]})
        ->reload(drained => 1);
    is !!$t->get('/asks')->json->{consent}, !!$want, $name;
}

done_testing;
