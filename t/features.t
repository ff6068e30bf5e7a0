#!/usr/bin/perl

# What is configured, so that pages promise no more than that.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(locations => {
    '= /has' => q{return 200 '$tavus_features';}})->start;
my %http = ($t->{http} // {})->%*;

my $hook = 'webhook { url file:' . $t->secret('hook.url', 'https://127.0.0.1:1/x')
    . '; secret file:' . $t->secret('hook.secret',
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') . '; events page_view; }';
my $mail = sub ($kind) { 'sendgrid { url https://127.0.0.1:1; key file:'
    . $t->secret('sendgrid.key', 'SG.of.the.tests.0123456789')
    . "; from a\@b.de; to c\@d.de; mail $kind; }" };
my $ga4 = 'ga4 { measurement_id G-ABC1234567; secret file:' . $t->secret('ga4.secret', 'x' x 22)
    . '; url https://127.0.0.1:1; events page_view; }';
my $posthog = 'posthog { key file:' . $t->secret('posthog.key', 'phc_' . 'x' x 40)
    . '; url https://127.0.0.1:1; events page_view; }';

# what there is without anything of it
$t->reload(drained => 1);
my @before = $t->get('/has')->json->@*;
ok !(grep { /analytics|hooks|lead_mail|memory|line/ } @before), 'nothing that is not there';

for (['a webhook', ['hooks'], tavus_deliver => [$hook]],
    ['a mail of leads', ['lead_mail'], tavus_deliver => [$mail->('contact.submitted')]],
    ['a mail of something else', [], tavus_deliver => [$mail->('sale')]],
    ['GA4', ['analytics'], tavus_deliver => [$ga4]],
    ['PostHog', ['analytics'], tavus_deliver => [$posthog]],
    ['all', [qw(analytics hooks lead_mail)],
        tavus_deliver => [$posthog, $hook, $mail->('contact.submitted')]],
    ['a budget', ['budget'], tavus_budget => 'active=2'],
    ['a line that nobody can stand in', ['budget'], tavus_budget => 'active=2 line=3'])
{
    my ($name, $want, %more) = @$_;
    $t->configure(http => {tavus_deliver => undef, tavus_budget => undef, %http, %more})
        ->reload(drained => 1);
    is_deeply [sort $t->get('/has')->json->@*], [sort @before, @$want], $name;
}

$t->configure(http => {tavus_budget => 'active=2 line=3'},
    locations => {'= /api/tavus/queue' => 'tavus_queue;'})->reload(drained => 1);
is_deeply [sort $t->get('/has')->json->@*], [sort @before, qw(budget line)], 'a line';

done_testing;
