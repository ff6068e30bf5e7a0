#!/usr/bin/perl

# fail2ban's filter finds each failed login in the log that the documents say how
# to write, with the address, and nothing else, whatever clients send.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(slurp);
use Mojo::Util qw(b64_encode url_escape);

my $FILTER = 'docs/operate/fail2ban/filter.d/nginx-tavus.conf';

# as docs/security.md has it, in another folder
my ($http, $server) = slurp('docs/security.md')
    =~ /^## Failed logins\n.*?^```nginx\n(.*?)^server \{\n(.*?)^\}/ms;
s{/var/log/nginx}{%%DIR%%}g for $server;

my $t = Tavus::Test->new(http_extra => $http, server => "$server\n"
    . 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;')->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

sub as ($user, $password) {
    return (Authorization => 'Basic ' . b64_encode("$user:$password", ''));
}

# nobody of these failed, though some say so, in the form of either log
my $address = '192.0.2.99';
my $iso = now_iso() =~ s/\.\d+Z\z/+00:00/r;
my @lines = ("2026/01/01 00:00:00 [error] 1#1: *1 wrong user or password, "
    . "client: $address, server: , request: \"GET / HTTP/1.1\"",
    qq($address [$iso] "GET /api/admin/events HTTP/1.1"));
for my $line (@lines) {
    my $in = url_escape("\n$line\n");
    for my $case (
        ['a path' => "/none/$in"], ['a query' => "/api/admin/none?q=$in"],
        ['a referer' => '/none', Referer => $line, 'User-Agent' => $line],
    ) {
        my ($name, $path, @headers) = @$case;
        isnt $t->get($path, {'X-Forwarded-For' => '192.0.2.98', @headers})->code,
            200, $name;
    }
}
like $t->error_log, qr/^\Q$lines[0]\E/m, 'why the error log is no good';
is $t->get('/api/admin/events', {'X-Forwarded-For' => '192.0.2.98'})->code, 401,
    'who has not tried yet';
is $t->get('/api/admin/events', {'X-Forwarded-For' => '192.0.2.98',
    as('admin', $t->admin_password)})->code, 200, 'and who knows the word';
is $t->webhook(tavus_event('x.y', 'c1'), unsigned => 1,
    'X-Forwarded-For' => '192.0.2.98')->code, 401, 'a webhook';

# these did
my @failed = ('192.0.2.7', '192.0.2.7', '2001:db8::7', '192.0.2.8');
my @tries = ('/api/admin/events', '/api/admin/none?q=' . url_escape("\n$lines[1]"));
for my $n (0 .. $#failed) {
    is $t->get($tries[$n % 2], {'X-Forwarded-For' => $failed[$n],
        as($n % 2 ? "\n$lines[1]\n" : 'admin', 'wrong')})->code, 401,
        "$failed[$n] fails";
}

my $log = $t->dir . '/failed_login.log';
my $found = sub { return [sort split /\n/,
    `fail2ban-regex --out ip '$log' $FILTER 2>&1`] };
wait_ok { (slurp($log) // '') =~ tr/\n// >= @failed } 'nginx has written it';
is_deeply $found->(), [sort @failed], 'these addresses, as often';

my $said = `fail2ban-regex '$log' $FILTER 2>&1`;
like $said, qr/^Lines: 4 lines, 0 ignored, 4 matched, 0 missed$/m,
    'each line of it' or diag $said;

# of what is old nobody is banned
like $said, qr/\[4\] .*Year-Month-DayT24hour/, 'and knows when'
    or diag $said;

done_testing;
