#!/usr/bin/perl

# A worker that ends while the database judges a wish: its visitor is told that nothing was
# made, and if it was granted all the same, its place is given back.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;
use Tavus::Test::Process qw(alive);

my $t = Tavus::Test->new(http => {tavus_budget => 'active=1',
    # less than the lock_timeout of what is recorded
    tavus_store_timeout => '3s', tavus_journal => '%%DIR%%/journal'})->start;
my ($db, $lock) = ($t->db, $t->pg->connect);
my $judged = q{SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE '%record_wishes(%'};
my $back = q{SELECT count(*) FROM tavus.intents
    WHERE outcome = 'failed' AND reason = 'unrecorded'};

# Judging waits for this.
sub held_up {
    my ($code) = @_;
    $lock->begin_work;
    $lock->do('LOCK TABLE tavus.places IN ACCESS EXCLUSIVE MODE');
    my $s = $t->socket;
    $s->send(create_bytes());
    wait_ok { $db->selectrow_array($judged) } 'it is judged';
    $code->($s);
    $lock->commit if !$lock->{AutoCommit};
    return;
}

subtest 'in a hurry' => sub {
    held_up(sub ($s) {
        my $pid = $t->pid;
        $t->signal('TERM');
        wait_ok { !alive($pid) } 'nginx has ended';
        $t->stop;
    });
    wait_ok { $db->selectrow_array('SELECT count(*) FROM tavus.places') } 'granted too late';
    $t->{nginx}->start;
    wait_ok { $db->selectrow_array($back) == 1 } 'the journal tells that it was not made';
    is asked($t), 0, 'Tavus was not asked';
    end_call($t, granted($t, 'its place is free'));
    done_testing;
};

subtest 'with a reload, judged in time' => sub {
    my $before = asked($t);
    held_up(sub ($s) {
        $t->reload;
        $lock->commit;
        is $s->response(30)->{status}, 200, 'its visitor is answered';
    });
    is asked($t), $before + 1, 'by a worker that ends';
    my ($id) = held($t);
    refused($t, 'it holds the place', [503, 'at_capacity', undef]);
    end_call($t, $id);
    done_testing;
};

subtest 'with a reload, and too late' => sub {
    held_up(sub ($s) {
        $t->reload;
        is $s->response(30)->{status}, 503, 'its visitor is told';
    });
    wait_ok { $db->selectrow_array($back) == 2 } 'and the place is given back';
    granted($t, 'to somebody else');
    done_testing;
};

done_testing;
