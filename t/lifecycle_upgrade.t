#!/usr/bin/perl

# USR2 starts a new nginx, with which nginx shares of its environment only what
# is named: by env directives, or by secrets that come from there.  Who gives
# signals from a shell has yet another environment.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(alive slurp spawn);

delete $ENV{CREDENTIALS_DIRECTORY};
my $t = Tavus::Test->new(
    # a value that an env directive gives is not the one that was read
    main => 'env T_KEY=not-the-key-0123456789; env T_OTHER;',
    http => {
        tavus_api_key => 'env:T_KEY',
        tavus_webhook_secret => ['credential:hook id=k1', 'env:T_HOOK id=k2'],
    },
    locations => {
        '= /hooks/standard' => 'tavus_webhook standard; '
            . 'tavus_webhook_secret credential:standard id=s1; '
            . 'tavus_webhook_secret env:T_STANDARD id=s2;',
    },
);
mkdir $t->dir . '/cred', 0700;
rename $t->secret('hook', $t->webhook_secret), $t->dir . '/cred/hook';
rename $t->secret('standard', 'whsec_' . 'c3RhbmRhcmQt' x 3),
    $t->dir . '/cred/standard';
my %env = (T_KEY => $t->api_key, T_HOOK => 'another-hook-0123456789',
    T_STANDARD => 'whsec_' . 'YW5vdGhlci0x' x 3,
    CREDENTIALS_DIRECTORY => $t->dir . '/cred');

# in the background: nginx upgrades only once its parent is gone
$t->configure;
my $nginx = $t->{nginx};
my $conf = $nginx->write_conf($t->conf_text =~ s/^daemon off;$/daemon on;/mr);
my @command = $nginx->command($conf);
my $pid_file = $t->dir . '/nginx.pid';
sub named { return (slurp($_[0]) // '') =~ /^(\d+)$/m ? $1 : 0 }
sub now { return $nginx->{pid} = named($pid_file) }

spawn(\@command, env => \%env, out => $t->dir . '/stderr.log');
wait_ok { now() && $nginx->workers } 'nginx starts' or BAIL_OUT($t->error_log);
Tavus::Test::Process::watch(pid => now());

sub works {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->{ua} = undef;
    wait_ok { eval { $t->get('/healthz')->code == 200 } } "$name: it runs";
    $t->sandbox->forget;
    is $t->create->code, 200, "$name: the key";
    is $t->webhook(tavus_event('system.replica_joined', $name))->code, 200,
        "$name: the secret";
}
works('before');

for my $turn (1, 2) {
    my $former = now();
    kill USR2 => $former;
    wait_ok { now() && now() != $former && $nginx->workers }
        "upgrade $turn: the new one starts"
        or diag $t->error_log, slurp($t->dir . '/stderr.log');
    Tavus::Test::Process::watch(pid => now());
    kill QUIT => $former;
    wait_ok { !alive($former) } "upgrade $turn: the old one ends";
    works("upgrade $turn");
}
$t->reload(drained => 1);
works('reload');

# ---- signals from a shell
sub shell {
    my (@args) = @_;
    my $out = $t->dir . '/shell.out';
    unlink $out;
    my $pid = spawn([@command, '-e', 'stderr', @args], out => $out);
    wait_for { !alive($pid) } 30;
    Tavus::Test::Process::unwatch(pid => $pid);
    return slurp($out) // '';
}
like shell('-t'), qr/environment\ variable\ "T_KEY"\ is\ not\ set,
    \ nginx\ must\ be\ started\ with\ it,\ and\ "nginx\ -t"\ too\ in\ /x,
    'nginx -t wants what it cannot know';

my %before = map { $_ => 1 } $nginx->workers;
unlike shell('-s', 'reload'), qr/\[emerg\]/, 'nginx -s needs none of it';
wait_ok { my @now = $nginx->workers; @now && !grep { $before{$_} } @now }
    'a reload';
works('reload from a shell');

my $last = now();
shell('-s', 'quit');
wait_ok { !alive($last) } 'an end' or kill KILL => $last;
delete $nginx->{pid};
Tavus::Test::Process::unwatch(pid => $last);

done_testing;
