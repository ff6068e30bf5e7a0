#!/usr/bin/perl

# memcheck

# What is in quarantine is looked at, released or deleted, by the rule of why it
# is there; what cannot be proven, or nobody could read, stays.

use lib 't/lib';
use Tavus::Test;
use MIME::Base64 qw(decode_base64);
use Mojo::JSON qw(decode_json encode_json true false);

my $t = Tavus::Test->new(workers => 1)->start;
my ($db, $secret) = ($t->db, $t->webhook_secret);
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');
sub release ($id, $body = {}, %more) {
    return $t->post("/api/admin/quarantine/$id/release",
        ref $body ? encode_json($body) : $body, {%json, %more});
}
sub remove ($id) {
    return $t->request(DELETE => "/api/admin/quarantine/$id", undef, {%json});
}
sub newest { return $db->selectrow_array('SELECT max(seq) FROM tavus.quarantine') }
sub events ($where = 'true', @value) {
    return scalar $db->selectrow_array("SELECT count(*) FROM tavus.events
        WHERE source <> 'server' AND $where", {}, @value);
}
sub is_there ($id) {
    return scalar $db->selectrow_array('SELECT count(*) FROM tavus.quarantine
        WHERE seq = ?', {}, $id);
}
sub trail ($type) {
    return map { decode_json $_->[0] } $db->selectall_arrayref(q{SELECT body
        FROM tavus.events WHERE event_type = ? ORDER BY id}, {}, $type)->@*;
}
my $n = 0;
# sends it, which brings it into quarantine; its number there
sub caught ($body, %how) {
    my $before = newest() // 0;
    is $t->webhook($body, %how)->code, 200;
    my $id = newest() // 0;
    return $id > $before ? $id : undef;
}
sub long_type ($call) { return tavus_event('y' x 201, $call) }

subtest 'a look' => sub {
    my $bytes = "\xff\0 not JSON";
    my $id = caught($bytes);
    my $one = $t->admin("/api/admin/quarantine/$id");
    is $one->code, 200;
    is decode_base64($one->json->{raw}), $bytes, 'raw';
    is_deeply $one->json->{quarantine}, {id => "$id", reason => 'syntax',
        release => 'if_fit'}, 'why, and what may become of it';
    is $one->json->{verification}{method}, 'signature';
    is_deeply $t->admin('/api/admin/quarantine?limit=1')->json->{events}[0]{quarantine},
        $one->json->{quarantine}, 'in the list, too';
    is $t->admin("/api/admin/events/" . $one->json->{id})->json->{quarantine}{id}, $id,
        'and by the id of the event';
    is $t->admin("/api/admin/quarantine/$_")->code, 404, "none: $_"
        for 0, 999, 'x', '99999999999999999999', "$id/", '-1';
    wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.events WHERE
        event_type = 'admin.viewed' AND convert_from(body, 'UTF8') LIKE '%quarantine/{id}%'}) }
        'on the trail';
    done_testing;
};

subtest 'a name that is unfit' => sub {
    my $body = long_type('c-unfit');
    my $id = caught($body);
    is events('conversation_id = ?', 'c-unfit'), 0;
    my $res = release($id);
    is $res->code, 200 or diag $res->body;
    is_deeply [$res->json->@{qw(released duplicate)}], [true, false];
    my $event = $t->admin('/api/admin/events/' . $res->json->{id})->json;
    is_deeply [$event->@{qw(event_type conversationId)}], ['unknown', 'c-unfit'],
        'an event without a type';
    is decode_base64($event->{raw}), $body, 'of these bytes';
    is $t->admin('/api/admin/conversations/c-unfit')->code, 200, 'of its conversation';
    is $t->post("/api/admin/events/$event->{id}/verify", {}, {%json})
        ->json->{verified}, true, 'which verifies as before';
    is $db->selectrow_array('SELECT count(*) FROM tavus.log WHERE ? = ANY (ids)', {},
        $event->{id}), 1, 'in the log';
    is is_there($id), 0, 'no longer in quarantine';
    is $t->admin("/api/admin/quarantine/$id")->code, 404;
    is release($id)->code, 404, 'not twice';

    my ($told) = trail('admin.quarantine_released');
    is_deeply [$told->@{qw(user outcome object result)}], ['admin', 'done',
        {quarantine_id => "$id", event_id => $event->{id}},
        {released => true, duplicate => false}], 'on the trail';

    # the sender comes again
    my $twin = caught($body);
    ok $twin, 'it is kept again';
    $res = release($twin);
    is_deeply [$res->code, $res->json->@{qw(released duplicate id)}],
        [200, false, true, $event->{id}], 'and known';
    is events('conversation_id = ?', 'c-unfit'), 1;
    done_testing;
};

subtest 'a conversation that is unfit' => sub {
    my $id = caught(tavus_event('x.call', 'c' x 201));
    for my $reason ('unfit_conversation_id', 'refused by the database, SQLSTATE 22P05') {
        $db->do('UPDATE tavus.quarantine SET reason = ? WHERE seq = ?', {}, $reason, $id);
        my $res = release($id, {unproven => true});
        is_deeply [$res->code, $res->json->{code}], [409, 'never'],
            "no erasure would find it: $reason";
    }
    is events(q{event_type = 'x.call'}), 0, 'it stays';
    done_testing;
};

subtest 'a conflict' => sub {
    my $at = now_iso();
    my @body = map { tavus_event('system.shutdown', 'c-two', {shutdown_reason => $_})
        =~ s/"timestamp":"[^"]*"/"timestamp":"$at"/r } 'one', 'two';
    is caught($body[0]), undef, 'the first one is stored';
    my ($first) = $db->selectrow_array(q{SELECT id FROM tavus.events
        WHERE conversation_id = 'c-two'});
    my $id = caught($body[1]);
    is $t->admin("/api/admin/quarantine/$id")->json->{quarantine}{release}, 'beside';
    my $res = release($id);
    is_deeply [$res->code, $res->json->{released}], [200, true];
    isnt $res->json->{id}, $first, 'under an id of its own';
    is decode_base64($t->admin("/api/admin/events/$first")->json->{raw}), $body[0],
        'the first one is what it was';
    is decode_base64($t->admin('/api/admin/events/' . $res->json->{id})->json->{raw}),
        $body[1], 'beside it the second one';
    is_deeply [release(caught($body[1]))->json->@{qw(released duplicate id)}],
        [false, true, $res->json->{id}], 'once';
    done_testing;
};

subtest 'JSON that is none' => sub {
    for my $bad ('{"a":', '', tavus_event('x', 'c-bad') =~ s/\}\z/,"x":"\\u0000"}/r,
        tavus_event('x', 'c-bad') =~ s/\}\z/,"x":1e400000}/r,
        tavus_event('x', 'c-bad') =~ s/\}\z/',"x":' . '[' x 64 . ']' x 64 . '}'/er)
    {
        my $id = caught($bad);
        for my $how ({}, {unproven => true}) {
            my $res = release($id, $how);
            is_deeply [$res->code, $res->json->{code}], [409, 'unfit'],
                $res->json->{reason};
        }
        is is_there($id), 1, 'it stays';
    }
    is events(q{conversation_id = 'c-bad'}), 0;

    # what an older gate took for unfit, or there was no memory for
    my $id = caught(long_type('c-was'));
    $db->do(q{UPDATE tavus.quarantine SET reason = 'no_memory', event_type = NULL,
        conversation_id = NULL WHERE seq = ?}, {}, $id);
    is release($id)->json->{released}, true, 'it is read anew';
    is events(q{conversation_id = 'c-was'}), 1;
    done_testing;
};

subtest 'what the database refused' => sub {
    $db->do(q{ALTER TABLE tavus.events ADD CONSTRAINT no_such
        CHECK (event_type <> 'x.refused') NOT VALID});
    my $body = tavus_event('x.refused', 'c-refused');
    my $id = caught($body);
    is $t->admin("/api/admin/quarantine/$id")->json->{quarantine}{release}, 'as_it_is';
    my $res = release($id);
    is_deeply [$res->code, $res->json->{code}], [409, 'refused_by_database'], 'still';
    is is_there($id), 1;
    is scalar(grep { $_->{object}{quarantine_id} == $id }
        trail('admin.quarantine_released')), 0, 'no change, none told of';
    $db->do('ALTER TABLE tavus.events DROP CONSTRAINT no_such');
    is release($id)->json->{released}, true, 'no longer';
    is events(q{event_type = 'x.refused'}), 1;
    done_testing;
};

subtest 'never' => sub {
    my $id = caught(long_type('c-never'));
    my %never = (foreign => q{reason = 'the token is another conversation''s'},
        too_long => q{reason = 'field too long'},
        unknown_reason => q{reason = 'of another release'},
        not_a_webhook => q{reason = 'conflict', source = 'browser'});
    for my $code (sort keys %never) {
        $db->do("UPDATE tavus.quarantine SET $never{$code} WHERE seq = ?", {}, $id);
        for my $how ({}, {unproven => true}) {
            my $res = release($id, $how);
            is_deeply [$res->code, $res->json->{code}], [409, $code], $code;
        }
        $db->do(q{UPDATE tavus.quarantine SET source = 'tavus'});
    }
    $db->do(q{UPDATE tavus.quarantine SET reason = 'conflict' WHERE seq = ?}, {}, $id);
    $db->do(q{UPDATE tavus.quarantine SET id = overlay(id::text PLACING '0180'
        FROM 1)::uuid WHERE seq = ?}, {}, $id);
    is_deeply [release($id)->json->{code}], ['too_old'], 'of a month that is gone';
    is events(q{conversation_id = 'c-never'}), 0;
    is is_there($id), 1, 'it stays';
    done_testing;
};

subtest 'the token of another conversation' => sub {
    my $call = $t->create->json->{conversation_id};
    my $token = $t->sandbox->token;
    my $id = caught(long_type('c-foreign'), token => $token);
    my $res = release($id);
    is_deeply [$res->code, $res->json->{code}], [409, 'foreign'], 'is found out';
    is_deeply [release($id, {unproven => true})->json->{code}], ['foreign'];
    is events(q{conversation_id = 'c-foreign'}), 0;

    $id = caught(long_type($call), token => $token);
    is release($id)->json->{released}, true, 'its own';

    # kept without its names, as the database refused even them; then somebody has its token
    $token = sign_token($secret);
    $db->do($_) for q{CREATE FUNCTION tavus.picky() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE 'no' USING ERRCODE = '22P02'; END $$},
        map { "CREATE TRIGGER picky BEFORE INSERT ON tavus.$_ FOR EACH ROW
            WHEN (NEW.event_type = 'x.picky') EXECUTE FUNCTION tavus.picky()" }
            qw(events quarantine);
    $id = caught(tavus_event('x.picky', 'c-foreign'), token => $token);
    $db->do("DROP TRIGGER picky ON tavus.$_") for qw(events quarantine);
    is_deeply [$db->selectrow_array(q{SELECT event_type, conversation_id,
        verification::json ->> 'method' FROM tavus.quarantine WHERE seq = ?}, {}, $id)],
        ['', undef, 'token'], 'with its proof';
    is $t->webhook(tavus_event('x.y', 'c-owner'), token => $token)->code, 200;
    is_deeply [release($id, {unproven => true})->json->{code}], ['foreign'],
        'by which it is judged';

    # nobody's yet: the first one has it
    $token = sign_token($secret);
    $id = caught(long_type('c-first'), token => $token);
    is release($id)->json->{released}, true;
    is $t->webhook(tavus_event('x.y', 'c-second'), token => $token)->code, 401,
        'it is bound by the release';
    done_testing;
};

subtest 'what is not proven' => sub {
    my $id = caught(long_type('c-proof'));
    $db->do(q{UPDATE tavus.quarantine SET body = body || ' ' WHERE seq = ?}, {}, $id);
    for my $how ({}, {unproven => true}) {
        my $res = release($id, $how);
        is_deeply [$res->code, $res->json->@{qw(code reason)}],
            [409, 'not_verified', 'mismatch'], 'other bytes than came';
    }
    $id = caught(long_type('c-proof'));
    $db->do(q{UPDATE tavus.quarantine SET verification = '{"method":"signature","key_id":"k1"}'
        WHERE seq = ?}, {}, $id);
    my $res = release($id);
    is_deeply [$res->code, $res->json->@{qw(code reason)}],
        [409, 'unproven', 'signature_not_kept'], 'nobody can tell';
    is events(q{conversation_id = 'c-proof'}), 0;
    is release($id, {unproven => false})->code, 409;
    is release($id, {unproven => true})->json->{released}, true, 'who wants it';
    is +(trail('admin.quarantine_released'))[-1]{object}{unproven}, true, 'says so';
    done_testing;
};

subtest 'deleted' => sub {
    my $id = caught(long_type('c-gone'));
    is_deeply remove($id)->json, {deleted => true};
    is is_there($id), 0;
    is remove($id)->code, 404, 'once';
    is release($id)->code, 404;
    is_deeply [map { [$_->@{qw(outcome object)}] } trail('admin.quarantine_deleted')],
        [map { [$_, {quarantine_id => "$id"}] } qw(done not_found)], 'on the trail';
    done_testing;
};

subtest 'erased' => sub {
    my $id = caught(long_type('c-erased'));
    is $t->webhook(tavus_event('x.y', 'c-erased'))->code, 200;
    is $t->request(DELETE => '/api/admin/conversations/c-erased', undef, {%json})->code, 200;
    wait_ok { !is_there($id) } 'an erasure takes it';
    is release($id)->code, 404;
    is caught(long_type('c-erased')), undef, 'what comes later is not kept';
    is events(q{conversation_id = 'c-erased'}), 0;
    done_testing;
};

subtest 'how it is asked for' => sub {
    my $id = caught(long_type('c-how'));
    is release($id, '{"unproven":1}')->json->{code}, 'invalid_field';
    is release($id, {x => 1})->json->{code}, 'unknown_field';
    is release($id, '[]')->code, 400;
    is release($id, {}, Origin => 'https://evil.example')->code, 403;
    is release($id, {}, 'Content-Type' => 'text/plain')->code, 415;
    is $t->admin("/api/admin/quarantine/$id/release")->code, 405;
    is $t->post("/api/admin/quarantine/$id", {}, {%json})->code, 405;
    is $t->post("/api/admin/quarantine/$id/release", {})->code, 401;
    is $t->post("/api/admin/quarantine/$id/release?x=1", {}, {%json})->json->{code},
        'unknown_parameter';
    is is_there($id), 1;
    is release($id, '')->code, 200, 'no body is as good as an empty one';
    done_testing;
};

done_testing;
