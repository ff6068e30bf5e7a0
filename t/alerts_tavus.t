#!/usr/bin/perl

# Tavus refuses the key, has no credits for us, or allows no more: the owner is
# told by an event of the log, which goes on to a webhook, in health and in
# metrics, once; and that it is over.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Alerts;
use Tavus::Test::Deliver;

my $alerts = Tavus::Test::Alerts->new;
my $t = $alerts->on(Tavus::Test->new(db => $alerts->pg, locations => {
    '= /metrics' => 'tavus_metrics;',
    '= /healthz' => 'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;',
}));
my $d = Tavus::Test::Deliver->new($t, crm => 'events alert.*;');
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';
wait_ok { $t->get('/metrics')->body =~ /^tavus_alerts\{kind="key_invalid"\} 0$/m
    && $t->get('/metrics')->body
        =~ /^tavus_upkeep_total\{operation="alerts",result="ok"\} [1-9]/m }
    'it is looked for';
is $alerts->open, '', 'nothing is the matter';

my $hooks = sub ($alert) { join ' ', map { $_->{type} =~ s/^alert\.//r }
    grep { $_->{data}{body}{alert} eq $alert } map { $_->{body} }
    $box->received('hooks')->{events}->@* };

my %message = (401 => 'Invalid access token', 402 => 'out of credits',
    400 => 'User has reached maximum concurrent conversations');
for ([401, 'key_invalid', 'tavus', 503], [402, 'out_of_credits', 'tavus', 503],
    [400, 'plan_cap', 'capacity', 503])
{
    my ($status, $kind, $subject, $answer) = @$_;
    $box->fault(path => '/v2/conversations', kind => 'status',
        status => $status, body => {message => $message{$status}});
    is $t->create->code, $answer, "$kind: no conversation";
    wait_ok { $alerts->open eq "$kind $subject" } "$kind: an alert";
    is $t->create->code, $answer, "$kind: nor another";
    wait_ok { $alerts->one($kind)->{figures}{n} == 2 } "$kind: which counts";
    is $alerts->events($kind), 'raised', "$kind: once";
    like $alerts->one($kind)->{text}, qr/\A[A-Z][^<>]+ 2 .*\.\z/, "$kind: in words";
    is $alerts->one($kind)->{runbook}, "runbook.md#$kind";
    wait_ok { $hooks->($kind) eq 'raised' } "$kind: the webhook has it";
    wait_ok { $t->get('/metrics')->body
        =~ /^tavus_alerts\{kind="$kind"\} 1$/m } "$kind: metrics";
    is_deeply $t->admin('/healthz?full')->json->{database}{alerts},
        {$kind => 1}, "$kind: health";
    is scalar(() = $t->grep_log(
        qr/\[warn\].* alert "$kind" of "$subject": /)), 1, "$kind: a line";

    $box->no_faults;
    is $t->create->code, 200, "$kind: it is well again";
    $alerts->set($kind => $kind eq 'plan_cap' ? 'threshold = 9' : 'threshold = 0');
    wait_ok { $alerts->open eq '' } "$kind: it is over";
    wait_ok { $hooks->($kind) eq 'raised cleared' } "$kind: for the webhook, too";
    is $alerts->one($kind)->{state}, 'ended';
}

# Tavus ends a call early
$alerts->set(plan_cap => 'threshold = 1');
wait_ok { $alerts->open eq 'plan_cap capacity' } 'again, as there are as many';
$box->config(plan_limit => 1);
my $got = $t->create->json;
is $t->ua->get($got->{conversation_url})->result->code, 200;
wait_ok { $alerts->open eq 'plan_cap capacity, plan_cap length' } 'a call is cut';
is $alerts->events('plan_cap'), 'raised cleared raised raised', 'each is told';

done_testing;
