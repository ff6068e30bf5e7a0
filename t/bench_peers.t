#!/usr/bin/perl

# What the compiled peers of the bench answer, and what is stored by then: a
# peer that does less than the module is none.  The one in Rust is asked by
# "prove -I t/lib t/bench_peers.t :: go rust", as it takes minutes to compile.

use lib 't/lib', 't/bench';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(free_port new_dir spawn stop_process);

use Digest::SHA qw(hmac_sha256_hex sha256);
use IO::Socket::INET;
use Mojo::JSON qw(decode_json);
use Mojo::Promise;
use Mojo::UserAgent;

use Peers;

my $SECRET = 'the secret of the peers of the bench';
my $CROWD = 24;     # at once: more than connections

my @names = @ARGV ? @ARGV : 'go';
my %built = map { $_ => [Peers::build($_)] } @names;
plan skip_all => join '; ', map { "$_: $built{$_}[1]" } @names
    unless grep { $built{$_}[0] } @names;

my $dir = new_dir();
my $pg = Tavus::Test::Pg->new;
my $ua = Mojo::UserAgent->new;
my $n = 0;

sub event (%more) {
    return tavus_event('application.custom', 'c' . ++$n, {}, %more);
}

sub signature ($body, $secret = $SECRET) {
    return hmac_sha256_hex($body, $secret);
}

# UUIDv7: the milliseconds of its time, then what its identity hashes to
sub id ($event) {
    my ($ms) = $pg->db->selectrow_array('SELECT floor(extract(epoch FROM
        ?::timestamptz) * 1000)::bigint', {}, $event->{timestamp});
    my $digest = sha256(join "\0", 'tavus',
        $event->@{qw(conversation_id event_type timestamp)});
    my @byte = unpack 'C*', substr(pack('Q>', $ms << 16), 0, 6)
        . substr($digest, 0, 10);
    $byte[6] = 0x70 | $byte[6] & 0x0f;
    $byte[8] = 0x80 | $byte[8] & 0x3f;
    return unpack 'H*', pack 'C*', @byte;
}

sub count ($table) {
    return scalar $pg->db->selectrow_array("SELECT count(*) FROM tavus.$table");
}

sub refused () { return scalar(() = $pg->log =~ /invalid byte sequence/g) }

sub check ($program, $rows, $connections) {
    my $port = free_port();
    my $pid = spawn([$program], out => "$dir/log", env => {
        PORT => $port, SECRET => $SECRET, ROWS => $rows,
        CONNECTIONS => $connections, PGHOST => $pg->socket_dir,
        PGPORT => $pg->port, PGUSER => 'tavus_app', PGDATABASE => 'tavus',
    });
    my $url = "http://127.0.0.1:$port/";
    my $post = sub ($body, $signature = signature($body)) {
        return $ua->post($url, {'X-Tavus-Signature' => $signature}, $body)
            ->result;
    };
    # many that meet, as the first of them are held up
    my $crowd = sub (@bodies) {
        my $lock = $pg->connect(AutoCommit => 0);
        $lock->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');
        my $timer = Mojo::IOLoop->recurring(0.02 => sub {
            $lock->rollback if $pg->db->selectrow_array(q{SELECT count(*)
                FROM pg_locks WHERE NOT granted}) == $connections;
        });
        my @codes;
        Mojo::Promise->all(map { $ua->post_p($url,
            {'X-Tavus-Signature' => signature($_)}, $_) } @bodies)
            ->then(sub (@all) { @codes = map { $_->[0]->res->code } @all })
            ->wait;
        Mojo::IOLoop->remove($timer);
        return join ' ', @codes;
    };

    $pg->db->do('TRUNCATE tavus.events, tavus.log, tavus.conversations');
    wait_ok { IO::Socket::INET->new("127.0.0.1:$port") } 'it listens';

    my $body = event();
    my $event = decode_json($body);
    my $answer = $post->($body);
    is $answer->code, 200, 'a good signature';
    is $answer->body, '{"received":true}', 'and its answer';
    is $post->($body)->code, 200, 'the same again';
    is_deeply $pg->db->selectall_arrayref(q{SELECT replace(id::text, '-', ''),
        received_at > now() - interval '1 minute', kind, source, event_type,
        conversation_id, verification, convert_from(body, 'UTF8')
        FROM tavus.events}), [[id($event), 1, 0, 'tavus',
            $event->@{qw(event_type conversation_id)},
            '{"method":"signature","key_id":"k1"}', $body]],
        'stored once, as the module would';

    my $other = event();
    my $good = signature($other);
    is $post->($other, signature($other, 'another secret'))->code, 401,
        'a signature of another key';
    is $post->("$other ", $good)->code, 401, 'of other bytes';
    is $post->($other, substr $good, 0, 62)->code, 401, 'a part of one';
    is $post->($other, '')->code, 401, 'none';
    is $post->('{"event_type":')->code, 400, 'no JSON';
    is $post->('x' x (8 * 1024 * 1024 + 1))->code, 413, 'too large';
    is count('events'), 1, 'nothing of these is stored';

    my $wanted = join ' ', (200) x $CROWD;
    if ($rows == 1) {
        is $crowd->(map { event() } 1 .. $CROWD), $wanted, 'many at once';
        is count('events'), 1 + $CROWD, 'all are stored';
        is count('log'), 1 + $CROWD, 'with a commit each';
    }
    else {
        my $all = '';
        wait_ok {
            $all = $crowd->(map { event() } 1 .. $CROWD);
            $all ne $wanted || count('log') < count('events');
        } 'many share a commit';
        is $all, $wanted, 'and are answered';
        is count('events') % $CROWD, 1, 'all are stored';
    }

    # what is refused with others is tried again alone
    my @half = (200) x ($CROWD / 2 - 1);
    my $expected = "@half 503 200 @half";
    my $codes;
    wait_ok {
        my $refused = refused();
        my $before = count('events');
        $codes = $crowd->((map { event() } @half), event(event_type => "a\0b"),
            event(), map { event() } @half);
        $codes ne $expected || count('events') - $before == $CROWD - 1
            && refused() - $refused == ($rows > 1 ? 2 : 1);
    } 'one that the database refuses, among others';
    is $codes, $expected, 'which are stored';

    $pg->stop;
    is $post->($other)->code, 503, 'without a database';
    $pg->start;
    wait_ok { $post->($other)->code == 200 } 'it is there again';
    is $pg->db->selectrow_array('SELECT count(*) FROM tavus.events
        WHERE conversation_id = ?', {}, decode_json($other)->{conversation_id}),
        1, 'and has it';

    stop_process($pid, TERM => 5);
    return;
}

for my $name (@names) {
    SKIP: {
        my ($program, $missing) = $built{$name}->@*;
        skip "$name: $missing" if !$program;
        subtest "$name, an event a call" => sub { check($program, 1, 16) };
        subtest "$name, batches" => sub { check($program, 250, 2) };
    }
}

done_testing;
