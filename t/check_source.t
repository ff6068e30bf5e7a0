#!/usr/bin/perl

# What debian/tavus-check says of the module is what the module does: the
# settings of a session, its sessions, its version and schema, the event that
# goes nowhere.

use lib 't/lib', 'debian/lib';
use Mojo::JSON ();
use Tavus::Test;
use Tavus::Test::Nginx;
use Tavus::Test::Process qw($ROOT slurp);

use TavusCheck::Conf;
use TavusCheck::Database;
use TavusCheck::Journal;
use TavusCheck::Launch;
use TavusCheck::Report;
use TavusCheck::Run qw(run);
use TavusCheck::Server;
use TavusCheck::Services;

my $session = slurp("$ROOT/ngx_tavus_module/event/ngx_tavus_pg_session.c");
my ($table) = $session =~ /ngx_tavus_pg_defaults\[\] = \{(.*?)^\};/ms;
my %setting = $table =~ /\{ "(\w+)", "([^"]*)", 0 \}/g;
cmp_ok scalar keys %setting, '>', 20, 'settings';
is_deeply \%TavusCheck::Database::SETTINGS, \%setting,
    'a session is asked for what the module asks for';

my ($each) = slurp("$ROOT/docs/operate/capacity.md")
    =~ /workers \S+ (\d) \+ 1 for each nginx/;
is $each, TavusCheck::Database::SESSIONS(), 'sessions of a worker';

my $module = Tavus::Test::Nginx::module();
$module = $ENV{TAVUS_NGINX} if $module eq 'static';
my ($version, $schema) = slurp($module) =~ m{nginx-tavus/([0-9.]+), schema (\d+)\0};
my ($newest) = map { m{/0*(\d+)_}g } reverse sort glob "$ROOT/sql/0*_*.sql";
is $schema, $newest, 'the file says which schema it wants';
like slurp("$ROOT/ngx_tavus_module/core/tavus_version.h"),
    qr/TAVUS_VERSION  "\Q$version\E"/, 'and which version it is';

my $type = TavusCheck::Server::TYPE();
like slurp("$ROOT/ngx_tavus_module/core/tavus_delivery.c"),
    qr/\{ "\Q$type\E", 1 \}/, 'no prefix sends its event on';

# ---- connection strings, as libpq reads them -------------------------------

sub parsed ($text) { return {TavusCheck::Database::parse($text)} }

is_deeply parsed(q(host=a,b port = 1,2 dbname='t \'x\' \\\\' user=u)),
    {host => 'a,b', port => '1,2', dbname => q(t 'x' \\), user => 'u'};
is_deeply parsed('postgresql://u%40x@[::1]:5,b/t?sslmode=require'),
    {user => 'u@x', host => '::1,b', port => '5,', dbname => 't',
        sslmode => 'require'};
my @hosts = TavusCheck::Database::hosts(parsed('host=a,b port=1,2 user=u'));
is_deeply [map { $_->{name} } @hosts], ['a:1', 'b:2'], 'each host';
is $hosts[1]{sslmode}, 'require', 'TLS over a network';
like $hosts[1]{conninfo}, qr/\bhost='b' port='2'/;
@hosts = TavusCheck::Database::hosts(parsed('host=/run user=u'));
is $hosts[0]{sslmode}, 'disable', 'none over a socket';

# ---- nginx.conf ------------------------------------------------------------

my $conf = TavusCheck::Conf->new(file => '/c/nginx.conf', prefix => '/p', dump => {
    '/c/nginx.conf' => <<'EOF_CONF', '/c/in.conf' => "tavus_api_key file:k;\n"});
user w; # a comment; with { what } is none
http {
    include in.conf;
    log_format x '{"a":"$b;"}' "it's \"${c}d\"";
    map $a $b { "~^(?<c>x{1,2})$" "}"; default ''; }
    content_by_lua_block { if x then y("{}") end }
    tavus_webhook_secret file:h id=h;
    server {
        location = /hook { tavus_webhook tavus; }
        location /o { location ~ "^/a{2}$" { tavus_webhook stripe;
            tavus_webhook_secret env:S id=s; } }
    }
}
EOF_CONF
is $conf->value('tavus_api_key'), 'file:k', 'what is included';
my ($hook) = $conf->locations('tavus_webhook', 'tavus');
is $conf->path_of($hook), '/hook', 'a location';
is +($conf->inherited($hook, 'tavus_webhook_secret'))[0]{args}[0], 'file:h',
    'what it inherits';
my ($nested) = $conf->locations('tavus_webhook', 'stripe');
is $conf->path_of($nested), undef, 'one without a path';
is +($conf->inherited($nested, 'tavus_webhook_secret'))[0]{args}[0], 'env:S',
    'what it has itself';
is $conf->main('user')->[0], 'w';

sub conf_of ($text) {
    return TavusCheck::Conf->new(file => '/c/nginx.conf', prefix => '/p',
        dump => {'/c/nginx.conf' => $text});
}

$conf = conf_of(<<'EOF_CONF');
http { tavus_trusted_certificate ca.pem; server { listen 127.0.0.1; listen [::1];
    listen 8080; listen *:81; listen [::]:82 ssl; listen example.com; listen 8443-8445;
    listen 127.0.0.1:83 proxy_protocol; listen unix:/run/n; } }
EOF_CONF
my ($server) = $conf->children($conf->{http}, 'server');
is_deeply [map { $_->{at} // $_->{unix} } TavusCheck::Server->new(conf => $conf)
    ->listen_of($server)], ['127.0.0.1:80', '[::1]:80', '127.0.0.1:8080',
    '127.0.0.1:81', '[::1]:82', 'example.com:80', '127.0.0.1:8443', '/run/n'],
    'where it listens';
my $services = TavusCheck::Services->new(conf => $conf);
is $services->ca, '/c/ca.pem',
    'a path is found where nginx looks for it';

# ---- other programs --------------------------------------------------------

{
    local $ENV{OF_THE_SERVICE} = 'a secret';
    my $sees = run(['env'], env => {PGCLIENTENCODING => 'UTF8'})->{out};
    is join(' ', sort $sees =~ /^(\w+)=/mg), 'LC_ALL PATH PGCLIENTENCODING',
        'the environment stays here';
    like run(['env'], keep_env => 1)->{out}, qr/OF_THE_SERVICE/, 'but for nginx -t';
}
is TavusCheck::Run::as(undef, sub { sleep 60 }), TavusCheck::Run::LATE,
    'what hangs is left behind';
is TavusCheck::Run::as(undef, sub { die "so\n" }), undef, 'what dies is told';
is TavusCheck::Run::as(undef, sub { 'é' }), 'é', 'what answers, too';

# ---- what cannot be told is not well ---------------------------------------

sub said ($what) {
    my $report = TavusCheck::Report->new(json => 1);
    $what->($report);
    return join '; ', map { "$_->{state} $_->{name}: $_->{seen}" }
        $report->{checks}->@*;
}

for ([401, 'FAIL login: x: the admin'], [403, 'warn y: x: answers 403'],
    [404, 'warn y: x: answers 404'], [429, 'warn y: x: answers 429'],
    [500, 'warn y: x: answers 500'], [200, 'warn y: x: answers 200, which is not'])
{
    my ($status, $line) = @$_;
    like said(sub ($r) { TavusCheck::Server::refused($r, 'y', 'x',
        {status => $status}) }), qr/^\Q$line/, "the admin API answers $status";
}

my %none = (said => {}, errors => {}, error => 'gone');
for my $step (qw(role session months room safe clock health)) {
    like said(sub ($r) { TavusCheck::Database->new(report => $r, opt => {})
        ->$step(\%none, $step =~ /^(?:role|session)\z/ ? {} : (),
            $step eq 'session' ? 'token' : ()) }),
        qr/^FAIL [\w ]+: gone\z/, "$step: no answer";
}

for ([{}, qr/^ok state/], [{orders_unknown => 2}, qr/^warn state: 2 orders/],
    [{stripe_repair => [{livemode => 1, failures => 3}]},
        qr/^warn state: what Stripe could not deliver \(live\).* 3 times/],
    [{retention => [{kind => 'leads', behind => 1}, {kind => 'trail', behind => 0}]},
        qr/^warn state: what is to be removed is still there: leads\z/])
{
    my ($has, $line) = @$_;
    my $health = Mojo::JSON::to_json({quarantined => 0, %$has});
    like said(sub ($r) { TavusCheck::Database->new(report => $r)->health(
        {said => {health => $health}, errors => {}, error => ''}) }), $line,
        'what the database complains of';
}

my %room = (max => 100, kept => 3, others => 5, beside => 2, role => -1,
    database => -1);
for ([{}, 92, qr/^max_connections/], [{role => 12}, 12, qr/ALTER ROLE/],
    [{database => 20}, 18, qr/ALTER DATABASE/])
{
    my ($has, $left, $do) = @$_;
    my ($least) = sort { $a->[0] <=> $b->[0] }
        TavusCheck::Database::bounds({%room, %$has}, 6);
    is $least->[0], $left, 'what is left';
    like $least->[2], $do, 'and who says so';
}

for (['ext4', 'ok'], ['tmpfs', 'FAIL'], ['overlay', 'FAIL'], ['fuse.new', 'warn'],
    ['nfs', 'FAIL'])
{
    my ($type, $state) = @$_;
    like said(sub ($r) {
        my $journal = TavusCheck::Journal->new(report => $r, conf => $conf);
        $type eq 'nfs' ? $journal->away('/j', '/', $type)
            : $journal->disk('/', 1, '/', $type);
    }), qr/^$state disk/, "a journal on $type";
}

for (['/', sub ($l) { $l->packed({body => ''}) }, 'compression'],
    ['foreign pages', sub ($l) { $l->cors }, 'CORS', 'own pages'],
    ['limits', sub ($l) { $l->limits }, 'create', '429'])
{
    my ($name, $what, @lines) = @$_;
    for my $res ({status => 0, error => 'curl: none', body => ''},
        {status => 502, body => ''})
    {
        no warnings 'redefine';
        local *TavusCheck::Launch::ask = sub { return $res };
        my $said = said(sub ($r) { $what->(TavusCheck::Launch->new(report => $r,
            origin => 'https://x')) });
        is $said =~ s/(warn [\w ]+):[^;]*/$1/gr, join('; ', map { "warn $_" } @lines),
            "$name: $res->{status}";
    }
}

done_testing;
