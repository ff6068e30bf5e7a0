#!/usr/bin/perl

# Clients of an export that read slowly, not at all, or are gone: they hold a page
# each, for a while, and nobody else.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Export;
use Tavus::Test::Fault qw(measured rss);
use Tavus::Test::H2;
use Tavus::Test::Process qw(free_port);
use Tavus::Test::Tls;

my $ca = Tavus::Test::Tls->new;
my ($crt, $key) = $ca->cert(name => '127.0.0.1');
my ($h2, $tls) = (free_port(), free_port());
my $t = Tavus::Test->new(measured(), sandbox => 0,
    server => "listen 127.0.0.1:$h2 http2; send_timeout 2s; listen 127.0.0.1:$tls ssl http2; "
        . "ssl_certificate $crt; ssl_certificate_key $key;")->start;
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'ready';
my $n = fill($t, 15_000);
my @ids = $t->db->selectcol_arrayref(q{SELECT id FROM tavus.events WHERE source = 'tavus'
    ORDER BY id DESC})->@*;
my ($pid) = $t->workers;
my $auth = $t->admin_headers->{Authorization};

sub free { my $e = export($t, '?source=none'); $e->rest(10); return $e->status == 200 }
sub warm { is export($t, '?source=tavus&format=ndjson')->rest, 'whole', 'one that reads' }

# ---- eight at once, who do not read: no more, until some are gone
warm();
my $before = rss($pid);
my @stopped = map { export($t, '?source=tavus', receive => 4096) } 1 .. 8;
is grep({ $_->take(1000) } @stopped), 8, 'eight';
my $more = $t->admin('/api/admin/events/export');
is $more->code, 503, 'a ninth';
is $more->json->{code}, 'too_many_exports';
is $more->headers->header('Retry-After'), 10;
is $t->admin('/api/admin/events?limit=1')->code, 200, 'others are answered';
cmp_ok rss($pid) - $before, '<', 16 * 1024 * 1024, 'they hold a page each'
    or diag rss($pid) - $before;
$_->abort for @stopped[0 .. 3];
wait_ok { free() } 'who is gone makes room';

# ---- and those that stay are ended
wait_ok { 4 == (() = $t->error_log =~ /client timed out/g) } 'who takes nothing is ended';
is_deeply [map { $_->rest(20) } @stopped[4 .. 7]], [('cut') x 4], 'cut, as they can tell';

# ---- a byte at a time: it has no end, and hurts nobody
my $slow = export($t, '?source=tavus', receive => 4096);
$slow->{step} = 1;
for (1, 2) { $slow->more(1); warm() }
is $slow->state, 'open', 'beside one of a byte at a time';
$slow->abort;

# ---- nothing is found for long: others get on between two looks
my $none = export($t, '?format=ndjson&q=nobody+said+this');
is $t->admin('/api/admin/events?limit=1')->code, 200, 'others';
is $none->rest, 'whole', 'a search that finds nothing';
is $none->body, '', 'and that is what it says';

# ---- one that has sent all it has to say
my $quiet = export($t, '?source=tavus&format=csv', receive => 4096);
shutdown $quiet->{fh}, 1;
is $quiet->rest, 'whole', 'a client that closes its sending half';

# ---- TLS, which has buffers of its own
for my $version ('--http1.1', '--http2') {
    my $got = qx{curl -sk $version --limit-rate 6M -H 'Authorization: $auth' \\
        'https://127.0.0.1:$tls/api/admin/events/export?format=ndjson&source=tavus'};
    is $?, 0, "TLS $version";
    is join(' ', $got =~ /^\{"id":"([0-9a-f-]{36})"/mg), join(' ', @ids), 'all of them';
}

# ---- HTTP/2, a window of 100 bytes
my $c = Tavus::Test::H2->new($h2, window => 100);
$c->get('/api/admin/events/export?format=ndjson&source=tavus', authorization => $auth);
wait_ok { $c->more(0.1); length $c->body == 100 } 'a hundred bytes';
for (1 .. 50) {
    $c->grant(100);
    my $want = 100 + 100 * $_;
    wait_for { $c->more(0.1); length $c->body >= $want } 10;
}
is length $c->body, 5100, 'and each hundred that is granted';
is $c->state, 'open';
wait_ok { $c->more(0.1); $c->state ne 'open' } 'no more: it is ended';
is $c->state, 'reset', 'so that the client can tell';
wait_ok { free() } 'and makes room';

# ---- HTTP/2, whole
$c = Tavus::Test::H2->new($h2, window => 1_000_000);
$c->get('/api/admin/events/export?format=ndjson&source=tavus', authorization => $auth);
wait_ok { $c->grant(1_000_000) if $c->left < 1_000_000; $c->more(0.1); $c->state ne 'open' }
    'to its end', 60;
is $c->state, 'whole';
is join(' ', $c->body =~ /^\{"id":"([0-9a-f-]{36})"/mg), join(' ', @ids), 'all of them';

# ---- HTTP/2, gone with pages on their way
for (1 .. 3) {
    my $gone = Tavus::Test::H2->new($h2, window => 100_000);
    $gone->get('/api/admin/events/export?source=tavus', authorization => $auth);
    wait_for { $gone->more(0.1); length $gone->body } 10;
    $gone->abort;
}
wait_ok { free() } 'who is gone makes room';
warm() for 1 .. 3;
cmp_ok rss($pid) - $before, '<', 16 * 1024 * 1024, 'nothing stays'
    or diag rss($pid) - $before;

done_testing;
