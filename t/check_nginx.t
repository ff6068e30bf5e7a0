#!/usr/bin/perl

# tavus-check: what can be amiss with nginx itself, its configuration and the way
# to it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Check;
use Tavus::Test::Process qw(free_port slurp);

my $t = check_test();

sub edited ($from, $to) {
    return other_conf($t, sub ($text) {
        $text =~ s/$from/$to/ or die "no $from\n";
        $text;
    });
}

subtest 'refused' => sub {
    my $c = check($t, '--no-store', conf => edited(qr/max_call_duration 600/,
        'max_call_duration 6'));
    says($c, 'configuration', 'nginx -t',
        FAIL => qr/max_call_duration.*other\.conf:\d+/, qr/would not start/);
    alone($c, 'configuration', 'nginx -t');
    done_testing;
};

subtest 'warned of' => sub {
    my $c = check($t, '--no-store', conf => edited(qr/client_max_body_size 8m;/,
        ''));
    says($c, 'configuration', 'nginx -t', warn => qr/client_max_body_size/,
        qr/line/);
    is $c->{exit}, 0, 'no failure';
    done_testing;
};

subtest 'what a day may cost' => sub {
    for ([undef, qr/there is no tavus_budget/],
        ['active=3 line=20', qr/active=3 line=20 has neither day nor minutes/])
    {
        my $c = check($t, '--no-store', conf => other_conf($t, sub ($text) { $text },
            http => {tavus_budget => $_->[0]}));
        says($c, 'configuration', 'budget', warn => $_->[1], qr/day=… or minutes=…/);
        is $c->{exit}, 0, 'no failure';
    }
    says(check($t, '--no-store', conf => other_conf($t, sub ($text) { $text },
        http => {tavus_budget => 'minutes=600'})), 'configuration', 'budget',
        ok => qr/minutes=600/);
    done_testing;
};

subtest 'the admin is not let in' => sub {
    my $users = 'tavus_admin_users %%SECRETS%%/admin.htpasswd;';
    my $answers = sub ($health, @more) {
        $t->configure(locations => {'= /healthz' => "tavus_health; $health", @more})
            ->reload(drained => 1);
        my $c = check($t, '--no-store');
        is $c->{exit}, 0, 'no failure' or diag $c->{out};
        return $c;
    };
    my $c = $answers->("$users if (\$args = full) { return 403; }",
        '= /api/admin/deliveries' => 'return 502;');
    says($c, 'nginx', 'sessions', warn => qr/\?full: answers 403/, qr/allow and deny/);
    says($c, 'destinations', 'told', warn => qr/deliveries: answers 502/,
        qr/error log/);
    $c = $answers->('', '= /api/admin/deliveries' => undef);
    says($c, 'nginx', 'sessions', warn => qr/tells no more/, qr/tavus_admin_users/);
    $t->configure(locations => {'= /healthz' => "tavus_health; $users"})
        ->reload(drained => 1);
    done_testing;
};

subtest 'secrets of the service' => sub {
    my $conf = edited(qr/tavus_api_key file:\S+;/, 'tavus_api_key env:TAVUS_KEY;');
    my $c = check($t, '--no-store', conf => $conf);
    says($c, 'configuration', 'nginx -t', FAIL => qr/"TAVUS_KEY" is not set/,
        qr/environment/);
    says($c, 'Tavus', 'key', skip => qr/TAVUS_KEY is not set/, qr/environment/);
    alone($c, 'configuration', 'nginx -t');
    my $key = $t->sandbox->api_key;
    $c = check($t, '--no-store', conf => $conf, env => {TAVUS_KEY => $key});
    is $c->{exit}, 0, 'and with them';
    says($c, 'Tavus', 'key', ok => qr/./);

    $conf = edited(qr/tavus_api_key file:\S+;/, 'tavus_api_key credential:api;');
    $c = check($t, '--no-store', conf => $conf);
    says($c, 'Tavus', 'key', skip => qr/CREDENTIALS_DIRECTORY is not set/,
        qr{/run/credentials});
    $t->secret('api', $key);
    is check($t, '--no-store', conf => $conf, env => {CREDENTIALS_DIRECTORY =>
        $t->dir . '/secrets'})->{exit}, 0, 'and with it';
    done_testing;
};

subtest 'another secret than that which runs' => sub {
    my $c = check($t, conf => edited(qr/tavus_webhook_secret file:\S+/,
        'tavus_webhook_secret file:'
            . $t->secret('other', 'a-secret-that-nginx-has-not-read')));
    says($c, 'round trip', 'event', FAIL => qr/401/, qr/reload/);
    alone($c, 'round trip', 'event');
    unlike $c->{out}, qr/that-nginx-has-not/, 'it is not said';
    done_testing;
};

subtest 'somebody else answers to the name' => sub {
    my $c = check($t, '--no-store', conf => edited(
        qr{tavus_public_origin \S+;}, 'tavus_public_origin '
            . $t->sandbox->url . ';'));
    says($c, 'public', 'callback', FAIL => qr/answers 404/, qr/another server/);
    alone($c, 'public', 'callback');
    $c = check($t, '--no-store', conf => edited(
        qr{tavus_public_origin \S+;}, 'tavus_public_origin http://127.0.0.1:'
            . free_port() . ';'));
    says($c, 'public', 'callback', FAIL => qr/onnect/, qr/from elsewhere/);
    alone($c, 'public', 'callback');
    done_testing;
};

subtest 'the admin is another' => sub {
    my $c = check($t, '--no-store', env => {TAVUS_CHECK_ADMIN => 'admin:not-it-1'});
    says($c, 'nginx', 'login', FAIL => qr/refused/, qr/admin-file/);
    alone($c, 'nginx', 'login');
    unlike $c->{out}, qr/not-it-1/, 'it is not said';
    done_testing;
};

subtest 'it does not run' => sub {
    $t->stop;
    my $c = check($t);
    says($c, 'nginx', 'process', FAIL => qr/no nginx has its number/,
        qr/systemctl start nginx/);
    says($c, 'round trip', 'event', skip => qr/./);
    is $c->{exit}, 1;
    $t->start;
    done_testing;
};

done_testing;
