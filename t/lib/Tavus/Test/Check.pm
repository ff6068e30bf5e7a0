package Tavus::Test::Check;

# debian/tavus-check of a site of the test's.
#
#   my $t = check_test(%options_of_Tavus_Test);     started, nothing amiss
#   my $c = check($t, '--json', env => {…}, conf => $path, launch => $url);
#   $c->{exit}, $c->{out}, $c->{err}
#   check($t, conf => other_conf($t, sub ($text) {…}, %options))    another
#                                   configuration than that which runs
#   $c->line('Tavus', 'key')        its lines of a group and name
#   says($c, 'Tavus', 'key', FAIL => qr/what/, qr/what to do/);     a test
#   alone($c, 'Tavus', 'key')       nothing else has failed: a test

use v5.36;
use Carp qw(croak);
use Encode qw(decode);
use Exporter qw(import);

use Tavus::Test ();
use Tavus::Test::Pg;
use Tavus::Test::Process qw($ROOT alive slurp spawn spew stop_process
    wait_for);
use Test::More ();

our @EXPORT = our @EXPORT_OK = qw(alone check check_running check_test
    other_conf says);

my $PRICES = '{"currency":"USD","plans":{"starter":{"amount":19900},'
    . '"growth":{"amount":59900}},"add_ons":{"multilingual":{"amount":3900,'
    . '"every":"month"}}}';

sub check_test (%opt) {
    my %pg = (delete $opt{pg} // {})->%*;
    my $t = Tavus::Test->new(db => Tavus::Test::Pg->new(fsync => 1, %pg), %opt);
    my $box = $t->sandbox;
    my $errors = 'error_page 400 408 413 414 502 503 504 /.problem;';

    $t->file('prices.json', $PRICES);
    $t->configure(
        http => {
            tavus_journal => '%%DIR%%/journal max_size=16m',
            tavus_budget => 'day=200',
            tavus_stripe_key => 'file:'
                . $t->secret('stripe.key', $box->stripe_key),
            tavus_stripe_api_url => $box->url,
            tavus_plan => ['starter { price price_starter; '
                . 'add_on multilingual price_multilingual; }',
                'growth { price price_growth; }'],
            tavus_deliver => [
                'posthog { events page_view; key file:'
                    . $t->secret('posthog.key', $box->posthog_key) . '; url '
                    . $box->posthog_url . '; }',
                'ga4 { events page_view; measurement_id '
                    . $box->ga4_measurement_id . '; secret file:'
                    . $t->secret('ga4.secret', $box->ga4_secret) . '; url '
                    . $box->ga4_url . '; }',
                'sendgrid { key file:'
                    . $t->secret('sendgrid.key', $box->sendgrid_key) . '; url '
                    . $box->url . '; from a@example.com; to b@example.com; '
                    . 'mail contact.submitted; }',
                'webhook name=crm { events page_view; url file:'
                    . $t->secret('crm.url', $box->hook_url('crm'))
                    . '; secret file:' . $t->secret('crm.secret',
                        $box->hook('crm')) . '; }'],
            ($opt{http} // {})->%*,
        },
        locations => {
            '= /api/stripe/checkout' => "$errors tavus_checkout;",
            '= /api/webhooks/stripe' => 'client_max_body_size 8m; '
                . 'tavus_webhook stripe; tavus_webhook_secret file:'
                . $t->secret('stripe.secret', $box->stripe_secret)
                . ' id=s1;',
            '= /healthz' =>
                'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;',
            '= /metrics' => 'tavus_metrics;',
            ($opt{locations} // {})->%*,
        });
    $t->start;
    wait_for { $t->get('/healthz')->code == 200 } 30
        or croak 'it does not become ready';
    return $t;
}

sub command ($t, %opt) {
    my @conf = $opt{launch} ? ('--launch', $opt{launch})
        : ($opt{conf} // $t->dir . '/nginx.conf');
    return ($^X, "$ROOT/debian/tavus-check", '-p', $t->dir, '--nginx',
        $ENV{TAVUS_NGINX} // '/usr/sbin/nginx', ($opt{args} // [])->@*, @conf);
}

my $n = 0;

sub other_conf ($t, $change, %opt) {
    my $text = $t->conf_text(%opt);
    return spew($t->dir . '/other.conf', $change->($text), 0600);
}

# Its process, and the files that it writes to.
sub check_running ($t, %opt) {
    my ($out, $err) = map { $t->dir . "/check.$n.$_" } qw(out err);
    $n++;
    my $pid = spawn(['/bin/sh', '-c', 'err=$1; shift; "$@" 2>"$err"; '
        . 'echo "exit $?"', 'sh', $err, command($t, %opt)], out => $out,
        env => {$t->can('admin_password')
            ? (TAVUS_CHECK_ADMIN => 'admin:' . $t->admin_password) : (),
            ($opt{env} // {})->%*});
    return {pid => $pid, files => [$out, $err]};
}

sub check ($t, @args) {
    my (%opt, @flags);
    while (@args) {
        my $arg = shift @args;
        $arg =~ /^--/ ? push @flags, $arg : ($opt{$arg} = shift @args);
    }
    $opt{args} = [($opt{args} // [])->@*, @flags];
    return finished(check_running($t, %opt));
}

sub finished ($run) {
    wait_for { !alive($run->{pid}) } 120 or croak 'the check hangs';
    stop_process($run->{pid});
    my ($out, $err) = map { decode('UTF-8', slurp($_) // '') }
        $run->{files}->@*;
    my ($exit) = $out =~ s/exit (\d+)\n\z// ? $1 : undef;

    my (%line, $group);
    for (split /\n/, $out) {
        if (/^(\S.*)/) { $group = $1; next }
        push $line{"$group: $2"}->@*, {state => $1, text => $3}
            if /^  (ok|warn|FAIL|skip) +(.+?): (.*)/ && defined $group;
    }
    return bless {exit => $exit, out => $out, err => $err, line => \%line},
        __PACKAGE__;
}

sub line ($c, $group, $name) {
    # the name of a host has a colon in it
    my ($key) = grep { index("$_:", "$group: $name") == 0 }
        sort keys $c->{line}->%*;
    return defined $key ? $c->{line}{$key}->@* : ();
}

sub says ($c, $group, $name, $state, $seen, $do = undef) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @found = grep { $_->{state} eq $state && $_->{text} =~ $seen
        && (!defined $do || $_->{text} =~ /\. To do: .*$do/) }
        $c->line($group, $name);
    return Test::More::ok(scalar @found, "$group: $name: $state")
        || Test::More::diag("wanted $seen"
            . (defined $do ? " and $do" : '') . "\n$c->{out}$c->{err}");
}

# It fails for one reason, says so once, and ends as it should.
sub alone ($c, $group, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @failed = map { my $key = $_;
        map { $key } grep { $_->{state} eq 'FAIL' } $c->{line}{$key}->@* }
        sort keys $c->{line}->%*;
    return Test::More::ok($c->{exit} == 1 && $c->{err} eq ''
            && @failed == 1 && index("$failed[0]:", "$group: $name") == 0,
        'nothing else has failed')
        || Test::More::diag("exit $c->{exit}\n$c->{out}$c->{err}");
}

1;
