#!/usr/bin/perl

# Which version is at work is told to its owner and to Tavus, not to visitors.
# That the documents and packages say the same: t/lint/version.pl.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw($ROOT slurp);

my ($version) = slurp("$ROOT/ngx_tavus_module/core/tavus_version.h")
    =~ /^#define TAVUS_VERSION  "(\d+\.\d+\.\d+)"$/m;
ok $version, 'one place says it' or BAIL_OUT('no version');

my $t = Tavus::Test->new(locations => {
    '= /metrics' => 'tavus_metrics;',
    '= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;',
});

my $line = qr{\[notice\] \d+#\d+: nginx-tavus/\Q$version\E$};

my ($exit, $out) = $t->nginx_t;
is $exit, 0;
unlike $out, qr/nginx-tavus/, 'nginx -t does not start it';

$t->start;
is scalar $t->grep_log($line), 1, 'once in the log, whatever the workers';
$t->reload(drained => 1);
is scalar $t->grep_log($line), 2, 'and with each configuration';

wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->admin('/healthz?full')->json->{version}, $version, 'health';
like $t->get('/metrics')->body,
    qr/^tavus_build_info\{version="\Q$version\E",nginx="/m, 'metrics';

is $t->create->code, 200;
my ($call) = $t->sandbox->calls('/v2/conversations');
is $call->{headers}{'user-agent'}, "nginx-tavus/$version", 'Tavus';

for my $path ('/', '/healthz', '/api/tavus/webhook') {
    my $res = $t->get($path);
    unlike $res->headers->to_string . $res->body, qr/nginx-tavus/,
        "no visitor of $path";
}

done_testing;
