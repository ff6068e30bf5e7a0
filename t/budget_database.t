#!/usr/bin/perl

# With a budget no database means no conversation, and a wish that was committed after its
# visitor had been refused leaves no place behind.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;

my $dir = Tavus::Test::Process::new_dir();
my $t = Tavus::Test->new(http => {tavus_budget => 'active=2',
    tavus_store_timeout => '500ms', tavus_journal => "$dir/journal"})->start;
my ($box, $db) = ($t->sandbox, $t->db);
my $unavailable = [503, 'storage_unavailable', undef];
my $failed = q{SELECT count(*) FROM tavus.intents
    WHERE outcome = 'failed' AND reason = 'unrecorded'};

is_deeply said($t->create), [200, undef, undef], 'at first all is well';

subtest 'held up in the database' => sub {
    # whoever judges next has to wait for this, with the budget's lock taken
    $db->begin_work;
    $db->do('LOCK TABLE tavus.places IN ACCESS EXCLUSIVE MODE');
    my $res = refused($t, 'answered in time', $unavailable);
    is $res->headers->header('Retry-After'), 10, 'which may be tried again';
    is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200,
        'a webhook goes to the journal';
    $db->commit;
    wait_ok { $db->selectrow_array($failed) } 'the wish came through, and is taken back';
    is $db->selectrow_array('SELECT count(*) FROM tavus.places'), 2, 'it had a place';
    is used($t), 1, 'which it does not hold';
    is asked($t), 1, 'Tavus was not asked';
    my $id = granted($t, 'the place is there for somebody else');
    refused($t, 'once', [503, 'at_capacity', undef]);
    end_call($t, $id);
    done_testing;
};

subtest 'frozen' => sub {
    $t->pg->freeze;
    refused($t, 'answered in time', $unavailable);
    refused($t, 'and the next one at once', $unavailable);
    is $t->get('/')->code, 200, 'files are served';
    $t->pg->thaw;
    wait_ok { $db->selectrow_array($failed) == 2 } 'the wish came through, and is taken back';
    wait_ok { $t->create->code == 200 } 'again';
    is used($t), 2, 'with one place, and no more';
    refused($t, 'as all are taken', [503, 'at_capacity', undef]);
    done_testing;
};

subtest 'stopped' => sub {
    undef $db;
    $t->pg->stop;
    refused($t, 'stopped', $unavailable);
    refused($t, 'and again', $unavailable);
    ok !(grep { /conversation\.requested/ } map { Tavus::Test::Process::slurp($_) }
        glob "$dir/journal/*"), 'no wish is in the journal';
    $t->pg->start;
    $db = $t->db;
    wait_ok { held($t) } 'back';
    end_call($t, (held($t))[0]);
    wait_ok { $t->create->code == 200 } 'back';
    done_testing;
};

subtest 'a schema without the function' => sub {
    end_call($t, (held($t))[0]);
    $db->do('ALTER FUNCTION tavus.record_wishes RENAME TO record_wishes_not');
    refused($t, 'nobody can judge', $unavailable) for 1, 2;
    my @said = $t->grep_log(qr/could not judge by "tavus_budget": 42883 function/);
    is scalar @said, 1, 'said once, by name';
    is $t->webhook(tavus_event('system.replica_joined', 'c2'))->code, 200,
        'a webhook is stored';
    $db->do('ALTER FUNCTION tavus.record_wishes_not RENAME TO record_wishes');
    granted($t, 'and back');
    done_testing;
};

done_testing;
