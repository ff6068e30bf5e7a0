#!/usr/bin/perl

# Which locations a list of users guards: any that is given one, but of those
# that inherit it not what the public and the senders of webhooks call.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new;
my $file = $t->secret('users',
    'admin:' . crypt('the admin of the tests', '$5$rounds=1000$x$') . "\n");
$t->file('admin.html', "panel\n");

$t->{server} = "tavus_admin_users $file;";
$t->{locations} = {
    '/admin/' => 'alias %%HTML%%/; index admin.html;',
    '= /proxy' => 'proxy_pass http://127.0.0.1:%%PORT%%/healthz;',
    '= /metrics' => 'tavus_metrics;',
    '= /missing' => 'error_page 404 /.problem; return 404;',
    '= /tried' => 'try_files /admin.html =404;',
    '/api/admin/' => 'tavus_admin;',
    '= /.problem' => 'internal; tavus_problem;',
};
$t->start;

my $res = $t->get('/admin/');
is $res->code, 401, 'files';
like $res->headers->www_authenticate, qr/^Basic realm="Tavus admin"/;
unlike $res->body, qr/panel/;
$res = $t->admin('/admin/');
is $res->code, 200;
is $res->body, "panel\n", 'through a redirect to the index';
is $t->admin('/admin/none')->code, 404;
is $t->get('/admin/none')->code, 401, 'nobody learns what is there';
is $t->get('/admin/', {Authorization => 'Basic eDp5'})->code, 401;

for my $path ('/proxy', '/metrics', '/', '/index.html', '/api/admin/events') {
    is $t->get($path)->code, 401, $path;
    is $t->admin($path)->code, 200;
}
is $t->post($_, 'x')->code, 401, "POST $_" for '/metrics', '/api/admin/events';
is $t->request(HEAD => '/metrics')->code, 401;
is $t->options('/admin/')->code, 401;
is $t->options('/tried')->code, 401;

# what must stay open
wait_ok { $t->get('/healthz')->code == 200 } 'health';
is $t->get('/healthz?fuller=no')->code, 401, 'but not in full';
is $t->get('/healthz?full')->code, 401;
is $t->get('/healthz?FULL')->code, 401;
is $t->get('/healthz?a=1&full')->code, 401;
is $t->admin('/healthz?full')->json->{status}, 'ok';
is $t->create(vertical => 'legal')->code, 200, 'the conversation';
is $t->webhook(tavus_event('system.shutdown', 'c1'))->code, 200, 'the webhook';
is $t->webhook('{}', unsigned => 1)->code, 401;
isnt $t->webhook('{}', unsigned => 1)->headers->www_authenticate,
    'Basic realm="Tavus admin", charset="UTF-8"', 'its own 401';
is $t->get('/missing')->code, 404, 'a problem is told to everybody';
is $t->get('/missing')->json->{code}, 'not_found';

# and without a list nothing is asked
$t->configure(server => '', locations => {
    '/api/admin/' => undef, '= /healthz' => 'tavus_health;'})
    ->reload(drained => 1);
is $t->get('/admin/')->code, 200, 'no list';
is $t->get('/metrics')->code, 200;
is $t->get('/healthz?full')->body, $t->get('/healthz')->body,
    'more of its health is for nobody then';

done_testing;
