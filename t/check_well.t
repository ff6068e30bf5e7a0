#!/usr/bin/perl

# tavus-check finds nothing where nothing is amiss, and says so; what it was
# told in confidence stands nowhere.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Check;
use Tavus::Test::Process qw(alive crew new_dir slurp);

my $t = check_test();
my $box = $t->sandbox;

my $c = check($t);
is $c->{exit}, 0, 'exit 0' or diag $c->{out};
is $c->{err}, '', 'nothing on standard error';
is scalar(() = $c->{out} =~ /^  (?:FAIL|warn)/mg), 0, 'nothing is amiss'
    or diag $c->{out};

for (['configuration', 'nginx -t'], ['journal', 'writable'], ['journal', 'disk'],
    ['journal', 'space'], ['database', 'host'], ['database', 'role'],
    ['database', 'schema'], ['database', 'functions'], ['database', 'session'],
    ['database', 'months'], ['database', 'connections'],
    ['database', 'durability'], ['database', 'clock'], ['nginx', 'process'],
    ['nginx', 'health'], ['nginx', 'sessions'], ['Tavus', 'key'],
    ['Tavus', 'clock'], ['Tavus', 'vertical legal'], ['Stripe', 'key'],
    ['Stripe', 'plan starter'], ['Stripe', 'add-on multilingual'],
    ['destinations', 'ga4'], ['destinations', 'sendgrid'],
    ['destinations', 'crm'], ['public', 'callback'], ['round trip', 'event'],
    ['versions', 'all'])
{
    says($c, @$_, ok => qr/./);
}
# what it cannot know it says
says($c, 'destinations', 'posthog', skip => qr/none is sent/);

# ---- the event -------------------------------------------------------------

my $stored = q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'system.check' AND source = 'tavus'};
is $t->db->selectrow_array($stored), 1, 'one event is stored';
is $t->db->selectrow_array('SELECT count(*) FROM tavus.conversations'), 0,
    'and no conversation';
is check($t, '--no-store')->{exit}, 0, '--no-store';
is $t->db->selectrow_array($stored), 1, 'stores none';

# ---- for programs ----------------------------------------------------------

$c = check($t, '--json', '--no-store');
is $c->{exit}, 0, '--json';
my $json = Mojo::JSON::from_json($c->{out});
is $json->{FAIL}, 0, 'counted';
my ($key) = grep { $_->{group} eq 'Tavus' && $_->{name} eq 'key' }
    $json->{checks}->@*;
is $key->{state}, 'ok', 'a check';
ok length $key->{seen}, 'what was seen';

# ---- in confidence ---------------------------------------------------------

# each answer of the sandbox takes a while: time to look at who runs
my @secret = ($box->api_key, $box->stripe_key, $box->posthog_key,
    $box->ga4_secret, $box->sendgrid_key, $t->webhook_secret,
    $t->admin_password, $box->hook('crm'));
$box->fault(kind => 'delay', ms => 100);
my $tmp = new_dir();
my $run = check_running($t, env => {TMPDIR => $tmp,
    OF_THE_SERVICE => 'a-secret-of-another'});
my (%seen, $looks, $told);
while (alive($run->{pid})) {
    for (crew($run->{pid})) {
        my $line = slurp("/proc/$_/cmdline") // next;
        if ($line =~ /^curl/) {
            $looks++;
            $told++ if (slurp("/proc/$_/environ") // '') =~ /a-secret-of-another/;
        }
        $seen{$line} = 1 if grep { index($line, $_) >= 0 } @secret;
    }
}
$c = Tavus::Test::Check::finished($run);
$box->no_faults;
cmp_ok $looks, '>', 0, 'curl was seen';
is join(' ', keys %seen), '', 'no secret on a command line';
is $told, undef, 'nor what the service has in its environment';

for my $said ($c->{out} . $c->{err}, $t->error_log, $t->access_log) {
    is scalar(grep { index($said, $_) >= 0 } @secret), 0, 'nor in what is said';
}
is join(' ', glob "$tmp/* $tmp/.[a-z]*"), '', 'nor a file left behind';

# ---- how it is called ------------------------------------------------------

is check($t, '--help')->{exit}, 0, '--help';
is check($t, '--nonsense')->{exit}, 2, 'an unknown option';
my $file = $t->secret('admin', 'admin:' . $t->admin_password, 0640);
my $open = check($t, args => ['--admin-file', $file]);
is $open->{exit}, 2, 'a file that the group may read';
like $open->{err}, qr/chmod 600/, 'and what to do';
is check($t, conf => '/none/nginx.conf')->{exit}, 2, 'no such configuration';

done_testing;
