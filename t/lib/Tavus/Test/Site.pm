package Tavus::Test::Site;

# The sample configuration of site/nginx as an nginx of the test's own; neither
# database nor sandbox runs, and the pages are three.
#
#   my $site = Tavus::Test::Site->new(
#       server   => sub ($text, $dir, $port) {…},  # examples/tls.conf, which
#                                       then replaces nginx.conf's server
#       optional => {'posthog.conf' => sub ($text) {…}},
#       sells => 1,                     with a key of Stripe's
#       resolver => '127.0.0.1:5353');
#   my ($exit, $says) = $site->nginx_t;
#   $site->start;
#   my $res = $site->get('/pricing', {Header => 'value'});
#   $site->access_log, $site->error_log, $site->dir, $site->port
#   $site->done;                        ends with QUIT, looks through the log

use v5.36;
use Carp qw(croak);
use File::Basename qw(basename);
use Mojo::UserAgent;
use Test::More ();

use Tavus::Test::Nginx;
use Tavus::Test::OpenApi;
use Tavus::Test::Process qw($ROOT slurp spew);

sub new ($class, %opt) {
    my $nginx = Tavus::Test::Nginx->new;
    my $self = bless {nginx => $nginx, %opt}, $class;
    my $dir = $nginx->dir;

    mkdir "$dir/$_" for qw(conf conf/optional conf/http log site site/_a);
    spew("$dir/log/error.log", '');
    spew("$dir/site/$_->[0]", $_->[1]) for
        ['index.html', "<!doctype html><title>home</title>\n"],
        ['pricing.html', "<!doctype html><title>pricing</title>\n"],
        ['404.html', "<!doctype html><title>none</title>\n"],
        ['_a/x.1a2b.js', "0\n"];
    spew("$dir/conf/site-csp.conf", join "\n", map {
        "map '' \$site_${_}_hashes { default \"'sha256-$_'\"; }"
    } qw(script style));

    my $secrets = "$dir/secrets";
    spew("$secrets/api.key", 'the-key-of-this-test', 0600);
    spew("$secrets/webhook.secret", 'the-secret-of-this-test', 0600);
    spew("$secrets/admin.htpasswd", 'admin:'
        . crypt('x', '$6$rounds=1000$testsalt$') . "\n", 0600);

    $self->{values} = {
        MODULE => Tavus::Test::Nginx::module(),
        USER => ($> == 0 ? 'user www-data; ' : '') . 'daemon off;',
        RUN => $dir, CONF => "$dir/conf", SECRETS => $secrets,
        PORT => $nginx->port, ORIGIN => 'https://example.com',
        SERVER_NAME => 'example.com',
        DATABASE => 'host=/run/none dbname=tavus user=tavus_app',
        BUDGET => 'active=3 day=200 minutes=600 visitor_day=5 line=20',
        TAVUS_URL => 'https://127.0.0.1:1', SANDBOX => 'off',
        SANDBOX_JSON => 'false', TRACKING => 'true',
        ROOM_ORIGIN => 'https://*.daily.co',
        ROOM_SCRIPT => " https://*.daily.co 'wasm-unsafe-eval'",
        ROOM_CONNECT => ' https://*.daily.co wss://*.daily.co',
        CONTACT_EMAIL => 'hello@example.com', POSTHOG => 'us',
        RESOLVER => $opt{resolver} // '127.0.0.1',
        (map { $_ => '' } qw(BROTLI DATABASE_PASSWORD LOAD_BROTLI POSTHOG_KEY)),
        (map { ("PERSONA_$_" => 'p0123456789ab', "REPLICA_$_" => 'r0123456789ab') }
            qw(HEALTHCARE LEGAL ECOMMERCE GENERAL)),
        ($opt{values} // {})->%*,
    };

    for my $file (glob "$ROOT/site/nginx/*.conf") {
        my $text = $self->render($file);
        $text = $self->replace_server($text)
            if $opt{server} && basename($file) eq 'nginx.conf';
        # the module is in an nginx with sanitizers
        $text =~ s/^load_module static;$//m;
        spew("$dir/conf/" . basename($file), $text, 0600);
    }
    for my $name (keys(($opt{optional} // {})->%*)) {
        spew("$dir/conf/optional/$name", $opt{optional}{$name}->(
            $self->render("$ROOT/site/nginx/optional/$name")), 0600);
    }
    $self->sell("$dir/conf", $secrets) if $opt{sells};
    $nginx->write_conf(slurp("$dir/conf/nginx.conf"));
    return $self;
}

sub sell ($self, $conf, $secrets) {
    spew("$secrets/stripe.key", 'sk_test_of_this_test', 0600);
    spew("$secrets/stripe.secret", 'whsec_of_this_test', 0600);
    $self->{values}{STRIPE_URL} = 'https://127.0.0.1:1';
    $self->{values}{"PRICE_$_"} = 'price_' . lc for qw(BASIC STARTER GROWTH
        SCALE MINUTES_1K MULTILINGUAL IVR SLA CONCURRENCY REPLICA HIPAA);
    for (qw(http/stripe.conf http/add_ons optional/stripe.conf)) {
        spew("$conf/$_", $self->render("$ROOT/site/nginx/$_"), 0600);
    }
    return;
}

# As t/sandbox/run does it.
sub render ($self, $file) {
    my $text = slurp($file) // croak "$file: $!";
    $text =~ s/\@([A-Z][A-Z0-9_]*)\@/
        $self->{values}{$1} \/\/ croak "no $1: $file"/gex;
    return $text;
}

sub replace_server ($self, $text) {
    my $dir = $self->dir;
    my $with = $self->{server}->(
        $self->render("$ROOT/site/nginx/examples/tls.conf")
            =~ s{/etc/nginx/tavus/}{$dir/conf/}gr
            =~ s{/var/log/nginx/tavus\.log}{$dir/log/access.log}r,
        $dir, $self->port);
    $text =~ s/^    server \{\n.*?^    \}\n/$with/ms
        or croak 'nginx.conf has no server';
    return $text;
}

sub dir ($self)  { return $self->{nginx}->dir }
sub port ($self) { return $self->{nginx}->port }

sub nginx_t ($self) {
    return $self->{nginx}->test_conf(slurp($self->dir . '/conf/nginx.conf'));
}

sub start ($self) { $self->{nginx}->start; return $self }

sub request ($self, $method, $path, $headers = {}, @body) {
    if (!$self->{ua}) {
        $self->{ua} = Mojo::UserAgent->new(max_redirects => 0);
        Tavus::Test::OpenApi->watch($self->{ua}, $self->port);
    }
    return $self->{ua}->start($self->{ua}->build_tx($method =>
        $self->{nginx}->url . $path, $headers, @body))->result;
}

sub get ($self, @args) { return $self->request(GET => @args) }

sub access_log ($self) { return slurp($self->dir . '/log/access.log') // '' }
sub error_log ($self)  { return slurp($self->dir . '/log/error.log') // '' }

sub done ($self) {
    Test::More::ok($self->{nginx}->stop, 'nginx ends with QUIT');
    Test::More::unlike($self->error_log, qr/\[(?:alert|emerg)\]/,
        'no alert in error.log');
    Tavus::Test::OpenApi->told(Test::More->builder);
    return;
}

1;
