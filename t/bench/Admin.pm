package Admin;

# How soon the admin API answers first, over what Fill.pm has stored: each list,
# filter and search, a page or how far it came; alone, and beside searches that find
# nothing.
#
#   Admin::measure($t, $bench, events => 1_000_000, times => 200);

use v5.36;

use IO::Socket::INET;
use List::Util qw(max sum0);
use POSIX qw(strftime);
use Time::HiRes qw(time);

use Bench;
use Fill;
use Tavus::Test::Process qw(background pause stop_process);

# An answer over a connection that stays: milliseconds, status, body.
sub ask ($s, $path, $auth) {
    my $from = time;
    print {$s} "GET /api/admin/$path HTTP/1.1\r\nHost: x\r\nAuthorization: $auth\r\n\r\n";
    my $in = '';
    until ($in =~ /\r\n\r\n/) { sysread $s, $in, 65536, length $in or die "no answer: $path\n" }
    my ($head) = $in =~ /\A(.*?\r\n\r\n)/s;
    my ($length) = $head =~ /^Content-Length: (\d+)/mi or die "no length: $path\n$head";
    while (length($in) < length($head) + $length) {
        sysread $s, $in, 1 << 20, length $in or die "cut: $path\n";
    }
    my $ms = (time - $from) * 1000;
    return ($ms, $head =~ /\A\S+ (\d+)/, substr $in, length $head);
}

sub connection ($t) {
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->port) // die "connect: $!\n";
}

sub day ($before) { return strftime '%Y-%m-%dT%H:%M:%SZ', gmtime time - $before * 86400 }

# Names and paths, by number, so that no two ask for the same where that is possible.
sub requests ($visits, $call) {
    my $nth = sub ($i) { 1 + $i * 7919 % $visits };
    my $some = sub ($i) { sprintf 'from=%s&to=%s', day(2 + $i % 50), day(1 + $i % 50) };
    return (
        ['events' => sub ($i) { 'events' }],
        ['events, a day' => sub ($i) { 'events?' . $some->($i) }],
        ['events, of a conversation' => sub ($i) { 'events?conversation_id=' . $call->($nth->($i)) }],
        ['events, type=error' => sub ($i) { 'events?type=error&to=' . day($i % 50) }],
        ['events, type=webhook' => sub ($i) { 'events?type=webhook&' . $some->($i) }],
        ['events, type=info and source=tavus: none' => sub ($i) { 'events?type=info&source=tavus' }],
        ['events, source=stripe' => sub ($i) { 'events?source=stripe&to=' . day($i % 50) }],
        ['events, source=browser and a type: none' => sub ($i) { 'events?source=browser&event_type=x.y' }],
        ['events, event_type=system.shutdown' => sub ($i) { 'events?event_type=system.shutdown&to=' . day($i % 50) }],
        ['events, event_type=system.*' => sub ($i) { 'events?event_type=system.*&to=' . day($i % 50) }],
        ['events, event_type=admin.*' => sub ($i) { 'events?event_type=admin.*&to=' . day($i % 50) }],
        ['events, event_type: none' => sub ($i) { 'events?event_type=no.such&to=' . day($i % 50) }],
        ['events, q, found' => sub ($i) { 'events?q=price&to=' . day($i % 50) }],
        ['events, q: none' => sub ($i) { "events?q=nobody$i&to=" . day($i % 50) }],
        ['events, q, not ASCII: none' => sub ($i) { "events?q=nobody%C3%A9$i&to=" . day($i % 50) }],
        ['events, q, of a conversation' => sub ($i) { "events?q=price&conversation_id=" . $call->($nth->($i)) }],
        ['events, q and type=error: none' => sub ($i) { "events?q=nobody$i&type=error" }],
        ['conversations' => sub ($i) { 'conversations?to=' . day($i % 50) }],
        ['conversations, active' => sub ($i) { 'conversations?status=active&to=' . day($i % 50) }],
        ['conversations, ended, of a vertical' => sub ($i) { 'conversations?status=ended&vertical=legal&to=' . day($i % 50) }],
        ['conversations, vertical: none' => sub ($i) { 'conversations?vertical=none&to=' . day($i % 50) }],
        ['conversations/{id}' => sub ($i) { 'conversations/' . $call->($nth->($i)) }],
        ['conversations/{id}, newest first' => sub ($i) { 'conversations/' . $call->($nth->($i)) . '?order=desc&limit=20' }],
        ['conversations, q, a word of one' => sub ($i) { 'conversations?q=mynumber' . $nth->($i) }],
        ['conversations, q, a word of a thousandth' => sub ($i) { 'conversations?q=needlework&to=' . day($i % 50) }],
        ['conversations, q, a common word' => sub ($i) { 'conversations?q=price&to=' . day($i % 50) }],
        ['conversations, q, two common ones' => sub ($i) { 'conversations?q=price%20doctor&to=' . day($i % 50) }],
        ['conversations, q, words in their order' => sub ($i) { 'conversations?q=%22how%20are%22&to=' . day($i % 50) }],
        ['conversations, q, the beginning of one' => sub ($i) { 'conversations?q=needle*&to=' . day($i % 50) }],
        ['conversations, q, the beginning of many' => sub ($i) { 'conversations?q=m*&to=' . day($i % 50) }],
        ['conversations, q, letters within' => sub ($i) { 'conversations?q=*eedlewor*&to=' . day($i % 50) }],
        ['conversations, q, letters within many' => sub ($i) { 'conversations?q=*number*&to=' . day($i % 50) }],
        ['conversations, q, in Japanese' => sub ($i) { 'conversations?q=%E6%96%99%E9%87%91&to=' . day($i % 50) }],
        ['conversations, q: none' => sub ($i) { "conversations?q=nobody$i" }],
        ['conversations, q, of a vertical: none' => sub ($i) { 'conversations?q=price&vertical=none' }],
        ['conversations, q, by two letters: none' => sub ($i) { 'conversations?q=*qx*' }],
        ['leads' => sub ($i) { 'leads?to=' . day($i % 50) }],
        ['leads, not handled' => sub ($i) { 'leads?handled=false' }],
        ['leads, of an address' => sub ($i) { "leads?email=anna$i%40example.com" }],
        ['orders' => sub ($i) { 'orders?to=' . day($i % 50) }],
        ['orders, expired' => sub ($i) { 'orders?state=expired' }],
        ['subscriptions' => sub ($i) { 'subscriptions' }],
        ['deliveries' => sub ($i) { 'deliveries' }],
        ['deliveries, dead' => sub ($i) { 'deliveries?state=dead' }],
        ['quarantine' => sub ($i) { 'quarantine' }],
    );
}

sub figures (@ms) {
    @ms = sort { $a <=> $b } @ms;
    return (Bench::median(@ms), $ms[int 0.99 * @ms] // $ms[-1], $ms[-1]);
}

# Reads all of the log for the words, and says how fast that is.  nginx does so, too:
# what it reads, or holds, is not for us, and all must be read before anything is measured.
sub words ($db) {
    my $from = time;
    $db->do(q{UPDATE tavus.cursors SET pos = 0, ord = 0 WHERE name = 'words'});
    my ($n) = $db->selectrow_array('SELECT sum(cardinality(ids)) FROM tavus.log');
    while (1) {
        my ($json) = $db->selectrow_array('SELECT tavus.words_roll(2000)');
        next if $json !~ /"events" ?: ?0\b/ || $json =~ /"more" ?: ?true/;
        last if $db->selectrow_array(q{SELECT c.pos >= (SELECT max(pos) FROM tavus.log)
            FROM tavus.cursors c WHERE c.name = 'words'});
        pause(0.02);
    }
    my $took = time - $from;
    $db->do("VACUUM (ANALYZE) tavus.$_") for qw(talks words);
    # gigabytes that were written a moment ago are still on their way to the disk
    $db->do('CHECKPOINT');
    system('sync');
    return sprintf 'words: %.0f events/s', $n / $took;
}

sub measure ($t, $bench, %opt) {
    my $db = $t->db;
    my $times = $opt{times} // 200;
    my $auth = $t->admin_headers->{Authorization};

    my $visits = Fill::fill($db, events => $opt{events}) / 40;
    $bench->note(sprintf '%s events; %s', Bench::thousands($opt{events}), words($db));
    my ($talks, $words, $all) = $db->selectrow_array(q{SELECT
        pg_total_relation_size('tavus.talks') / greatest((SELECT count(*) FROM tavus.talks), 1),
        pg_total_relation_size('tavus.words') / greatest((SELECT count(*) FROM tavus.words), 1),
        (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
          WHERE inhparent = 'tavus.events'::regclass) / greatest((SELECT count(*) FROM tavus.talks), 1)});
    $bench->note("bytes of a conversation: $talks in talks, of a word: $words, of its events: $all");

    my $call = sub ($n) { $db->selectrow_array(q{SELECT 'c' || substr(md5('c' || ?::int), 1, 15)}, {}, $n) };
    my @all = requests($visits, $call);
    my $s = connection($t);
    my @late;
    for my $r (@all) {
        my ($name, $path) = @$r;
        my ($ms, $early, $rows) = run($s, $auth, $path, $times);
        my ($p50, $p99, $worst) = figures(@$ms);
        push @late, $name if $p99 > 20;
        $bench->note(sprintf '%-45s p50 %5.1f ms, p99 %5.1f ms, worst %5.1f ms; %5.1f rows, %3d %% stopped early',
            $name, $p50, $p99, $worst, $rows, $early * 100);
    }

    # those who search in vain, all the time
    my @pids = map { my $n = $_; background(sub {
        my $own = connection($t);
        my $i = 0;
        while (1) { ask($own, 'events?q=nobody' . $n . $i++ . '&to=' . day($i % 50), $auth) }
    }) } 1 .. 4;
    for my $r (grep { $_->[0] =~ /^(events|conversations|conversations, q, a word of one|leads)\z/ } @all) {
        my ($ms) = run($s, $auth, $r->[1], $times);
        $bench->note(sprintf '%-45s p50 %5.1f ms, p99 %5.1f ms, worst %5.1f ms, beside four who search in vain',
            $r->[0], figures(@$ms));
    }
    stop_process($_, KILL => 5) for @pids;

    $bench->note(@late ? 'Over 20 ms at p99: ' . join('; ', @late) : 'All within 20 ms at p99.');
    return;
}

# Milliseconds, the share that stopped early, rows of an answer.
sub run ($s, $auth, $path, $times) {
    my (@ms, $early, $rows);
    ask($s, $path->(0), $auth) for 1 .. 3;      # prepared, and on the trail
    for my $i (1 .. $times) {
        my ($ms, $code, $body) = ask($s, $path->($i), $auth);
        die 'GET ' . $path->($i) . ": $code $body\n" if $code != 200;
        push @ms, $ms;
        $early++ if $body =~ /"searched_to":/;
        $rows += () = $body =~ /"id":"|"id": "/g;
    }
    return (\@ms, ($early // 0) / $times, ($rows // 0) / $times);
}

1;
