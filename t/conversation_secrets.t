#!/usr/bin/perl

# The key of the API stays here, whatever happens.

use lib 't/lib';
use Tavus::Test;

my $key = 'tvs-live-0f3c9b7d5e21-do-not-tell';
my $password = 'pg-password-0f3c9b7d5e21';
my $t = Tavus::Test->new(log_level => 'debug', locations => {
    '= /healthz' => 'tavus_health; tavus_admin_users '
        . '%%SECRETS%%/admin.htpasswd;'});
$t->{http} = {
    tavus_api_key => 'file:' . $t->secret('tvs', "$key\n"),
    tavus_database_password => 'file:' . $t->secret('pg', "$password\n"),
    tavus_api_timeout => '2s',
};
$t->start;

my @seen;
sub try {
    my ($res) = @_;
    push @seen, $res->to_string;
    return $res->code;
}

# the sandbox knows another one
is try($t->create), 503, 'a key that is not valid';
my ($call) = $t->sandbox->calls('/v2/');
is $call->{headers}{'x-api-key'}, 'invalid';
$t->sandbox->fault(kind => 'garbage', body => "{\"echo\":\"$key\"}", times => 1);
is try($t->create), 502, 'an answer that repeats it';
$t->sandbox->fault(kind => 'status', status => 400, times => 1,
    body => {error => "bad key $key"});
is try($t->create), 502;
$t->sandbox->fault(kind => 'status', status => 200, times => 1, body => {
    conversation_id => 'c1', conversation_url => 'https://x.example/c1',
    status => 'active'});
is try($t->create), 200;
is try($t->create(vertical => 'no')), 400;
$t->sandbox->stop;
is try($t->create), 502;
is try($t->admin('/api/admin/events')), 200;
is try($t->admin('/api/admin/conversations')), 200;
is try($t->get('/healthz')), 200;
$t->pg->stop;
wait_ok { $t->get('/healthz')->code == 503 } 'without a database';
is try($t->get('/healthz?full')), 401;
is try($t->admin('/healthz?full')), 503;
is try($t->create), 503;

my $log = $t->error_log;
like $log, qr/\[debug\]/, 'the log says much';
unlike $log, qr/\Q$key\E/, 'but not the key';
unlike $log, qr/\Q$password\E/, 'nor the password';
unlike $_, qr/\Q$key\E|\Q$password\E/ for $t->access_log;
ok !grep({ /\Q$key\E|\Q$password\E/ } @seen), 'no answer has it';

my $conf = $t->dir . '/nginx.conf';
my $nginx = $ENV{TAVUS_NGINX} // '/usr/sbin/nginx';
my $text = qx{$nginx -p @{[$t->dir]} -e stderr -c $conf -T 2>&1};
like $text, qr/tavus_api_key file:/;
unlike $text, qr/\Q$key\E|\Q$password\E/, 'nor has nginx -T';

# what others see of a worker
for my $pid ($t->workers, $t->pid) {
    for my $file (qw(cmdline environ)) {
        open my $in, '<:raw', "/proc/$pid/$file" or next;
        local $/;
        unlike scalar <$in> // '', qr/\Q$key\E/, "$file of $pid";
    }
}

done_testing;
