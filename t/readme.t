#!/usr/bin/perl

# The README's synopsis, with the files that its commands make: nginx -t takes
# it without a word, and what it has answers.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Nginx;
use Tavus::Test::Process qw($ROOT slurp spew);
use Tavus::Test::Tls;

my $nginx = Tavus::Test::Nginx->new;
my ($dir, $tls) = ($nginx->dir, $nginx->port);
my $ca = Tavus::Test::Tls->new;
my ($cert, $key) = $ca->cert(name => 'example.com');
my $readme = slurp("$ROOT/README.md");

my ($text) = $readme =~ /^## Synopsis\n.*?^```nginx\n(.*?)^```/ms
    or BAIL_OUT('README.md has no synopsis');

# ---- the secrets, by the commands that stand there
my ($shell) = $readme =~ /^## Installation\n.*?^```\n(.*?)^```/ms
    or BAIL_OUT('README.md has no installation');
my @commands = map { s{/(etc|var/lib)/tavus}{$dir/@{[$1 =~ tr{/}{-}r]}}gr }
    grep { m{/(?:etc|var/lib)/tavus} } split /\n/, $shell;
is scalar @commands, 4, 'folders and files of secrets';
for my $command (@commands) {
    # who installs it types a password
    $command =~ s/openssl passwd -6\)/openssl passwd -6 secret)/;
    is system('sh', '-ec', $command), 0, $command;
}
spew("$dir/etc/$_", "$_-0123456789abcdef\n", 0600)
    for qw(db.password api.key stripe.secret);
spew("$dir/etc/stripe.key", "sk_live_0123456789abcdef\n", 0600);

# ---- what a test cannot have of it: paths, ports and the terminal
$text =~ s{^load_module .*\n}{Tavus::Test::Nginx::module() eq 'static' ? ''
    : 'load_module ' . Tavus::Test::Nginx::module() . ";\n"}e;
$text =~ s{^user .*\n}{}m unless $> == 0;
$text =~ s{/var/log/nginx/error\.log}{@{[$nginx->log_file]}};
$text =~ s{include\s+mime\.types}{include /etc/nginx/mime.types};
$text =~ s{/etc/ssl/certs/db-ca\.pem}{@{[$ca->file]}};
$text =~ s{/etc/tavus/example\.com\.pem}{$cert};
$text =~ s{/etc/tavus/example\.com\.key}{$key};
$text =~ s{/etc/tavus}{$dir/etc}g;
$text =~ s{/var/lib/tavus}{$dir/var-lib}g;
$text =~ s{/srv/site}{$dir/html};
$text =~ s{\b443 ssl}{127.0.0.1:$tls ssl};
$text =~ s/^http \{\n/http {\n    access_log off;\n/m;
$text = "daemon off;\npid $dir/nginx.pid;\n$text";
unlike $text, qr{/etc/tavus|/var/|/srv/}, 'nothing of this machine';
spew("$dir/html/index.html", "home\n");

my ($exit, $says) = $nginx->test_conf($text);
is $exit, 0, 'nginx -t' or diag $says;
unlike $says, qr/\[(?:warn|emerg)\]/, 'without a word' or diag $says;

# ---- at work: there is no database, but a journal
$nginx->write_conf($text);
$nginx->start;

# curl, as it is TLS: the status
sub status ($path, @more) {
    my @line = ('curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}',
        '--cacert', $ca->file, '--resolve', "example.com:$tls:127.0.0.1",
        @more, "https://example.com:$tls$path");
    open my $out, '-|', join(' ', map { quotemeta } @line) . ' 2>/dev/null'
        or die "curl: $!";
    my $code = <$out>;
    close $out;
    return $code;
}

wait_ok { status('/healthz') == 200 } 'it can accept', 30;
is status('/'), 200, 'the site';
is status('/metrics'), 200, 'metrics, from here';
is status('/api/admin/events'), 401, 'the admin API wants a login';
is status('/api/admin/events', '-u', 'admin:secret'), 503,
    'and a database';
is status('/healthz?full', '-u', 'admin:secret'), 200, 'health, in full';
is status('/api/tavus/webhook', '-d', '{}'), 401, 'a webhook without proof';
is status('/api/webhooks/stripe', '-d', '{}'), 401, 'of Stripe, too';
is status('/api/tavus/create-conversation', '-d', '{}', '-H',
    'Origin: https://elsewhere.example'), 403, 'a page of another';
is status('/api/contact', '-H', 'Content-Type: application/json', '-d',
    '{"name":"Ann Other","email":"a@example.com","message":"Please call me."}'),
    200, 'a contact form, into the journal';

ok $nginx->stop, 'nginx ends with QUIT';
unlike $nginx->log, qr/\[(?:alert|emerg)\]/, 'no alert in error.log';
done_testing;
