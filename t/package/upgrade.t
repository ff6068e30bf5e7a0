#!/usr/bin/perl

# The packages upgraded from a version before by the commands of
# docs/operate/upgrade.md, while webhooks come: what was acknowledged is stored,
# once, and nobody was turned away.  Then they are removed, and purged: what
# stays is the owner's.

use lib 't/lib';
use Tavus::Test::Root;
use Tavus::Test;
use Mojo::UserAgent;
use Tavus::Test::Process qw($ROOT alive background pause slurp spew
    stop_process);
use Tavus::Test::Sandbox;
use Tavus::Test::Tls;

my $BEFORE = '0.0.9';
my $root = Tavus::Test::Root->new;
my $ca = Tavus::Test::Tls->new;
my $box = Tavus::Test::Sandbox->new;

# ---- the version before ----------------------------------------------------

is system("$ROOT/debian/build", "$ROOT/build/package-before", $BEFORE), 0,
    'the same, as a version before' or BAIL_OUT('it could not be built');
$root->packages("$ROOT/build/package-before");
$root->set_up($box, $ca);

sub version () { return $root->admin('/healthz?full')->{version} // '' }

wait_ok { version() eq $BEFORE } 'the version before is at work';

# ---- webhooks come all the time --------------------------------------------

my $secret = slurp($root->dir . '/etc/tavus/webhook.secret') =~ s/\n\z//r;
my ($acked, $failed, $stop) = map { "$ENV{TAVUS_ROOT}/$_" }
    qw(acked failed stop);
spew($_, '') for $acked, $failed;

# One connection each, as senders have it: what is asked of one that is just
# being closed says nothing.
sub send_webhooks () {
    my $ua = Mojo::UserAgent->new(ca => $ca->file, max_connections => 0,
        inactivity_timeout => 30);
    my $n = 0;

    while (!-e $stop) {
        my $id = "upgraded-$$-" . $n++;
        my $body = tavus_event('system.replica_joined', $id);
        my $tx = $ua->post('https://example.com/api/tavus/webhook',
            {'Content-Type' => 'application/json',
                sign_header($secret, $body)}, $body);
        open my $to, '>>', ($tx->res->code // 0) == 200 ? $acked : $failed;
        print $to $id, ' ', $tx->res->code // $tx->error->{message}, "\n";
        close $to;
    }
    return;
}

sub count ($file) { return scalar(() = slurp($file) =~ /\n/g) }
sub more ($name) {
    my $had = count($acked);
    return wait_ok { count($acked) > $had + 20 } $name;
}

my @senders = map { background(\&send_webhooks) } 1, 2;
more('webhooks are acknowledged');

# ---- the upgrade -----------------------------------------------------------

$root->packages($Tavus::Test::Root::BUILT);
my @commands = commands('docs/operate/upgrade.md', '**From packages**');
is scalar @commands, 4, 'the commands of an upgrade';
for my $line (@commands) {
    my ($command, %opt) = $root->typed($line);
    $root->ok($command, %opt);
    more('meanwhile');
    is version(), $BEFORE, 'the module is that of before'
        unless $line =~ /^service/;
}
wait_ok { version() =~ /^\d/ && version() ne $BEFORE }
    'the new module is at work';
more('webhooks go on');

spew($stop, '');
for my $pid (@senders) {
    wait_ok { !alive($pid) } 'a sender ends';
}
is slurp($failed), '', 'nobody was turned away';

my @told = map { /^(\S+)/ ? $1 : () } split /\n/, slurp($acked);
my %stored;
wait_ok {
    %stored = map { split /\|/, $_, 2 } split /\n/, $root->sql(
        q{SELECT conversation_id, count(*) FROM tavus.events
          WHERE conversation_id LIKE 'upgraded-%' GROUP BY 1});
    !grep { !$stored{$_} } @told;
} 'all that was acknowledged is stored';
is scalar(grep { $_ != 1 } values %stored), 0, 'once';
note scalar(@told) . ' webhooks';

# ---- removed ---------------------------------------------------------------

sub ours () {
    return grep { !m{^/(?:proc|sys|root|tmp)/|^/var/lib/dpkg/} }
        split /\n/, $root->ok(q{find / -xdev -iname '*tavus*'},
            name => 'what is called tavus');
}

my $packages = 'libnginx-mod-http-tavus tavus-site tavus-tools';
$root->ok("apt-get remove -y $packages");
$root->ok('nginx -t', name => 'nginx has no need of it');
$root->ok('service nginx restart', name => 'and starts without it');
is join(' ', grep { m{^/usr/} } ours()), '', 'no program is left';
ok -f $root->dir . '/etc/nginx/tavus/tavus.conf', 'what was filled in is';

$root->ok("apt-get purge -y $packages");
is join(' ', sort(ours())), '/etc/tavus /var/lib/tavus',
    'secrets and journal are left, and nothing else';
ok -s $root->dir . '/etc/tavus/webhook.secret', 'the secrets are';
$root->ok('nginx -t', name => 'nginx has no need of it');
is $root->sql('SELECT count(*) > 0 FROM tavus.events'), 't',
    'so is the database';

done_testing;
