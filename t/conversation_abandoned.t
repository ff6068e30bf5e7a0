#!/usr/bin/perl

# The visitor does not wait for the answer.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);

my $t = Tavus::Test->new(http => {tavus_store_timeout => '5s'})->start;
my ($box, $db) = ($t->sandbox, $t->db);

sub ask {
    my $s = $t->socket;
    $s->send("POST /api/tavus/create-conversation HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    return $s;
}

sub fresh {
    $db->do("DELETE FROM tavus.$_") for qw(events intents conversations);
    $box->forget;
}

for my $how (qw(close abort)) {
    subtest "$how while Tavus works" => sub {
        fresh();
        $box->fault(kind => 'delay', ms => 2000, times => 1);
        my $s = ask();
        wait_ok { $box->calls('/v2/') } 'Tavus is asked';
        $s->$how;

        wait_ok { grep { $_->{path} =~ m{/end\z} } $box->calls('/v2/') }
            'ended at Tavus';
        my @calls = map { "$_->{method} $_->{path}" } $box->calls('/v2/');
        my ($id) = $db->selectrow_array('SELECT id FROM tavus.conversations');
        is_deeply \@calls, ['POST /v2/conversations',
            "POST /v2/conversations/$id/end"], 'that very one, once';
        is +($box->calls('/v2/'))[1]{headers}{'x-api-key'}, 'valid';

        wait_ok { $db->selectrow_array(
            'SELECT ended FROM tavus.conversations') } 'ended on record';
        is_deeply [map { $_->[0] } $db->selectall_arrayref(
            q{SELECT event_type FROM tavus.events WHERE source = 'server'
               ORDER BY id})->@*],
            [map { "conversation.$_" } qw(requested created ended)];
        my ($body) = $db->selectrow_array(q{SELECT convert_from(body, 'UTF8')
            FROM tavus.events WHERE event_type = 'conversation.ended'});
        is_deeply decode_json($body),
            {conversation_id => $id, reason => 'abandoned'};
        done_testing;
    };
}

subtest 'before the intent is on record' => sub {
    fresh();
    $t->pg->freeze;
    my $s = ask();
    # the request is with the database when a file is served after it
    $t->settle;
    $s->abort;
    $t->settle;
    $t->pg->thaw;
    wait_ok { $db->selectrow_array('SELECT count(*) FROM tavus.events') }
        'the intent is on record';
    is $t->create->code, 200, 'the next visitor is served';
    is scalar $box->calls('/v2/'), 1, 'Tavus was asked for that one alone';
    done_testing;
};

subtest 'while the record is made' => sub {
    fresh();
    $box->fault(kind => 'delay', ms => 2000, times => 1, after => 1);
    my $s = ask();
    wait_ok { $box->calls('/v2/') } 'Tavus is asked';
    $db->begin_work;
    $db->do('LOCK TABLE tavus.conversations IN ACCESS EXCLUSIVE MODE');
    wait_ok {
        $t->pg->connect->selectrow_array(q{SELECT count(*) FROM pg_locks l
            JOIN pg_stat_activity a USING (pid)
            WHERE NOT l.granted AND a.usename = 'tavus_app'})
    } 'the record waits';
    $s->abort;
    $t->settle;
    $db->commit;
    wait_ok { grep { $_->{path} =~ m{/end\z} } $box->calls('/v2/') }
        'ended at Tavus';
    wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'conversation.ended'}) } 'and recorded';
    done_testing;
};

subtest 'Tavus fails, and nobody listens' => sub {
    fresh();
    $box->fault(kind => 'hang', times => 1);
    my $s = ask();
    wait_ok { $box->calls('/v2/') } 'Tavus is asked';
    $s->abort;
    $box->stop;
    wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'conversation.create_failed'}) } 'on record';
    $box->start;
    done_testing;
};

subtest 'half a request' => sub {
    fresh();
    my $s = $t->socket;
    $s->send("POST /api/tavus/create-conversation HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"ver");
    $s->abort;
    is $t->create->code, 200;
    is scalar $box->calls('/v2/'), 1;
    is $db->selectrow_array(q{SELECT count(*) FROM tavus.intents}), 1;
    done_testing;
};

subtest 'a visitor who only stops sending is still there' => sub {
    fresh();
    $box->fault(kind => 'delay', ms => 2000, times => 1);
    my $s = ask();
    is $s->response->{status}, 200;
    is scalar(grep { $_->{path} =~ m{/end\z} } $box->calls('/v2/')), 0;
    done_testing;
};

done_testing;
