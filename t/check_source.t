#!/usr/bin/perl

# What debian/tavus-check says of the module is what the module does: the
# settings of a session, its sessions, its version and schema, the event that
# goes nowhere.

use lib 't/lib', 'debian/lib';
use Tavus::Test;
use Tavus::Test::Nginx;
use Tavus::Test::Process qw($ROOT slurp);

use TavusCheck::Conf;
use TavusCheck::Database;
use TavusCheck::Server;

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

done_testing;
