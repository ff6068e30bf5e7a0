#!/usr/bin/perl

# Two nodes of two workers and a budget of three: visitors who come and go, workers that are killed, and
# a PostgreSQL that crashes.  Never does one more conversation run at Tavus, which would refuse
# it, and in the end all places are free.  TAVUS_BUDGET: so many seconds instead of 10.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;
use Tavus::Test::Fault;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(background new_dir pause slurp stop_process);
use Tavus::Test::Sandbox;
use Tavus::Test::Socket;
use Mojo::JSON qw(decode_json encode_json);
use Time::HiRes qw(time);

my $seconds = $ENV{TAVUS_BUDGET} || 10;
my $seed = $ENV{TAVUS_SEED} || int rand 1e6;
srand $seed;
note "TAVUS_SEED=$seed";

# Commits take their time, in which others may come.
my $pg = Tavus::Test::Pg->new(fsync => 1, config => ['commit_delay=20000', 'commit_siblings=0']);
my $box = Tavus::Test::Sandbox->new;
my @nodes = map { Tavus::Test->new(db => $pg, sandbox => $box, workers => 2, http => {
    tavus_budget => 'active=3 line=4', tavus_journal => '%%DIR%%/journal',
    tavus_api_timeout => '2s', tavus_store_timeout => '500ms'}) } 1, 2;
$box->config(max_concurrent => 3);
$_->start for @nodes;
wait_ok { $_->get('/healthz')->code == 200 } 'ready' for @nodes;

# ---- visitors, each a process that writes down what it was told
my $dir = new_dir();

sub ask ($port, $path, $json) {
    my $s = eval { Tavus::Test::Socket->new($port) } or return {status => 'none'};
    $s->send(post_bytes($path, encode_json($json), Connection => 'close'));
    my $res = $s->response(30) || {status => 'none'};
    $s->close;
    return {%$res, json => eval { decode_json($res->{body}) } || {}};
}

# It talks for a moment and ends the call, at whichever node lives.
sub visit ($ledger) {
    my $port = $nodes[rand 2]->port;
    my $res = ask($port, '/api/tavus/create-conversation', {});
    print $ledger join(' ', $res->{status}, $res->{json}{conversation_id} // $res->{json}{code} // '-'), "\n";
    return pause(0.05) if $res->{status} ne '200';

    pause(rand 0.3);
    for (1 .. 200) {
        last if ask($nodes[rand 2]->port, '/api/tavus/end-conversation',
            {conversation_id => $res->{json}{conversation_id}, end_token => $res->{json}{end_token}})
            ->{status} =~ /^(?:200|404)$/;
        pause(0.1);
    }
    return;
}

my @visitors = map {
    my $name = $_;
    background(sub {
        srand $seed + $name;
        my $stop = 0;
        local $SIG{TERM} = sub { $stop = 1 };
        open my $ledger, '>>', "$dir/$name" or die;
        $ledger->autoflush(1);
        visit($ledger) until $stop;
    });
} 1 .. 8;

# ---- faults; what nobody can be waiting for any more is looked after at once, as a minute later
sub hurry {
    return eval { $pg->db->do(q{UPDATE tavus.intents SET due_at = now()
        WHERE due_at > now() AND seen_at < now() - interval '6 seconds'}); 1 };
}

my $until = time + $seconds;
my $crash = time + $seconds / 2;
my $killed = 0;
while (time < $until) {
    pause(0.3 + rand 0.7);
    hurry();
    if ($crash && time > $crash) {
        $pg->kill->start;
        $crash = 0;
    }
    else {
        $nodes[rand 2]->kill_worker;
        $killed++;
    }
}

stop_process($_, TERM => 60) for @visitors;
note "$killed workers were killed";

# ---- what was told, and what is left
my %told;
for (map { split /\n/ } map { slurp($_) } glob "$dir/*") {
    $told{/^200/ ? 'granted' : $_}++;
}
note join ', ', map { "$_: $told{$_}" } sort keys %told;
cmp_ok $told{granted} // 0, '>', 5, 'some were granted';

wait_ok { $_->get('/healthz')->code == 200 } 'a node is well' for @nodes;
wait_ok { hurry(); (eval { used($nodes[0]) } // -1) == 0 } 'all places are free', 120
    or diag(explain($nodes[0]->admin('/api/admin/budget')->json));
is scalar($box->conversations('active')), 0, 'and nothing runs at Tavus';
is $pg->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.create_failed'
      AND convert_from(body, 'UTF8') ~ 'at_capacity|rate_limited'}), 0, 'which never refused one';

$pg->db->do(q{SELECT tavus.trim('budget', '60 days', 1000)});
is $pg->db->selectrow_array(q{SELECT count(*) FROM tavus.places}), 0, 'no place is left over';
is $pg->db->selectrow_array(q{SELECT sum(calls) FROM tavus.budget_days}),
    $pg->db->selectrow_array(q{SELECT count(*) FROM tavus.intents i
        WHERE i.requested_id IS NOT NULL
          AND NOT coalesce(i.outcome = 'failed' AND NOT i.announced AND i.conversation_id IS NULL, false)}),
    'the ledger is that of the intents';

done_testing;
